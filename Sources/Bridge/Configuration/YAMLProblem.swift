import BridgeCore
import Yams

/// A syntax error of libyaml in the words of whoever wrote the file, at the place where he has to change something.
struct YAMLProblem {
    private(set) var mark: ConfigurationMark
    private(set) var cause: String
    private(set) var hint: String?

    init(_ error: any Error, in text: SourceText) {
        switch error {
        case YamlError.scanner(let context, let problem, let mark, _),
            YamlError.parser(let context, let problem, let mark, _),
            YamlError.composer(let context, let problem, let mark, _):
            self.init(problem, at: Self.place(mark), context: context, in: text)
        default:
            self.init("not valid YAML", at: ConfigurationMark(line: 1, column: 1))
        }
    }

    private init(_ cause: String, at mark: ConfigurationMark, hint: String? = nil) {
        (self.cause, self.mark, self.hint) = (cause, mark, hint)
    }

    /// libyaml's `problem` at `mark`; `context` is what it was reading, and where that began.
    private init(_ problem: String, at mark: ConfigurationMark, context: YamlError.Context?, in text: SourceText) {
        let begin = context.map { Self.place($0.mark) } ?? mark
        let reading = context?.text ?? ""
        if problem.contains("unexpected end of stream") || problem.contains("unexpected document indicator") {
            self.init("this quote is never closed", at: begin, hint: "close it, or write the text without quotes")
        } else if problem.contains("undefined alias") || reading.contains("alias") || reading.contains("anchor") {
            self.init(
                "anchors (&) and aliases (*) are not supported", at: begin,
                hint: "repeat the value; quote a text that begins with & or *")
        } else if problem.contains("but found another document") {
            self.init("a second document begins here", at: mark, hint: "one file holds one tenant: remove '---'")
        } else if let indent = text.line(of: mark).firstIndex(where: { $0 != " " }), text.scalars[indent] == "\t" {
            self.init("a tab in the indentation", at: text.mark(of: indent), hint: "YAML indents with spaces")
        } else if problem.contains("mapping values are not allowed") {
            self = Self.unexpectedColon(at: mark, in: text)
        } else if problem.contains("expected ',' or") {
            // On the bracket's own line a comma is missing where the error is; later lines mean that the bracket is open.
            self.init(
                "a bracket is not closed, or a comma is missing", at: begin.line < mark.line ? begin : mark,
                hint: "write [ a, b ] or { key: value, key: value }")
        } else if let character = Self.forbiddenStart(text.scalar(at: mark)?.scalar) {
            self.init(character.cause, at: mark, hint: character.hint)
        } else if let sentence = Self.sentence(for: problem, reading: reading) {
            self.init(sentence.cause, at: mark, hint: sentence.hint)
        } else {
            self.init("not valid YAML: \(problem)", at: mark)
        }
    }

    /// A colon where a value is under way already: it is the second of its line, or the line is indented too far, or the line
    /// before it has none.
    private static func unexpectedColon(at mark: ConfigurationMark, in text: SourceText) -> YAMLProblem {
        let line = text.line(of: mark)
        guard let start = line.firstIndex(where: { $0 != " " && $0 != "-" }) else {
            return YAMLProblem("a ':' without a key", at: mark)
        }
        let before = line.prefix(mark.column - 1)
        if zip(before, before.dropFirst()).contains(where: { $0 == ":" && $1 == " " }) {
            return YAMLProblem("a second ': ' in one line", at: mark, hint: "quote a text that has ': ' in it")
        }
        var previous = mark.line - 1
        while previous > 0 {
            let mark = ConfigurationMark(line: previous, column: 1)
            let earlier = text.line(of: mark)
            if let first = earlier.firstIndex(where: { $0 != " " }), earlier[first] != "#" {
                guard !earlier.contains(":") else { break }
                return YAMLProblem(
                    "a key without ':'", at: text.mark(of: first),
                    hint: "write 'key: value', with a blank behind the colon")
            }
            previous -= 1
        }
        return YAMLProblem(
            "bad indentation: further in than the line before", at: text.mark(of: start),
            hint: "indent all keys of a mapping alike")
    }

    private static func forbiddenStart(_ scalar: Unicode.Scalar?) -> (cause: String, hint: String)? {
        switch scalar {
        case "\t": ("a tab where a value or key should begin", "use spaces")
        case "@", "`", "%": ("a value cannot begin with this character", "write it in quotes")
        default: nil
        }
    }

    private static func sentence(for problem: String, reading: String) -> (cause: String, hint: String)? {
        if problem.contains("expected ':'") {
            return ("a key without ':'", "write 'key: value', with a blank behind the colon")
        }
        if problem.contains("did not find expected key") || problem.contains("did not find expected '-' indicator") {
            return (
                "bad indentation, or a quote inside a value",
                "indent all keys of a mapping, and all '-' of a list, alike"
            )
        }
        if problem.contains("block sequence entries are not allowed") {
            return ("a list element is not allowed here", "begin the list on a line of its own")
        }
        if problem.contains("document start") {
            return ("bad indentation, or text behind the end of the document", "indent all keys of a mapping alike")
        }
        if problem.contains("escape character") || problem.contains("hexdecimal number") {
            return (
                "unknown escape in a quoted text", "in double quotes write \\\\ for a backslash, or use single quotes"
            )
        }
        if problem.contains("nesting level") { return ("nested far too deep", "this is no configuration") }
        if problem.contains("tag") || reading.contains("tag") {
            return ("tags (!) are not supported", "remove it; quote a text that begins with !")
        }
        return nil
    }

    private static func place(_ mark: Mark) -> ConfigurationMark {
        ConfigurationMark(line: max(1, mark.line), column: max(1, mark.column))
    }
}
