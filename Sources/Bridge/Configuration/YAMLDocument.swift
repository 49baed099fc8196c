import BridgeCore
import Yams

/// Bytes of a YAML file to configuration nodes, by Yams.
///
/// A configuration is one document of mappings, lists and scalars: anchors, aliases, merge keys and tags are refused,
/// because a reader of the file should see what is meant where it is meant. Yams gives up at the first repeated key;
/// to name both places, and to go on, the first of the two gets another first letter (of a private plane, so that no place
/// in the text moves) and the text is read again.
struct YAMLDocument {
    /// What one file may be.
    struct Limits {
        var bytes = 1 << 20
        var depth = 32
        /// Repeated keys cost one more pass over the file each; this many bytes are passed over.
        var repeatedBytes = 4 << 20
        /// Repeated keys after which reading stops, also in a small file.
        var repeatedKeys = 64
    }

    private let reading: ConfigurationReading
    private let limits: Limits
    private var text: SourceText
    /// First letters of keys that were exchanged, by the place of the key.
    private var renamed: [ConfigurationMark: (original: Unicode.Scalar, replacement: Unicode.Scalar)] = [:]
    private var reported: Set<ConfigurationMark> = []

    /// The root node; nil when something was reported that leaves nothing to read.
    static func root(of bytes: [UInt8], limits: Limits = Limits(), reading: ConfigurationReading) -> ConfigurationNode?
    {
        let start = ConfigurationMark(line: 1, column: 1)
        guard bytes.count <= limits.bytes else {
            reading.report("the file is larger than \(Quantity.text(bytes: limits.bytes))", at: start)
            return nil
        }
        guard let text = SourceText(bytes) else {
            reading.report("the file is not UTF-8", at: position(ofBadUTF8In: bytes), hint: "save it as UTF-8")
            return nil
        }
        if let index = text.firstForbidden {
            let code = String(text.scalars[index].value, radix: 16, uppercase: true)
            reading.report("character U+\(code) is not allowed here", at: text.mark(of: index), hint: "remove it")
            return nil
        }
        var document = YAMLDocument(reading: reading, limits: limits, text: text)
        return document.root()
    }

    private init(reading: ConfigurationReading, limits: Limits, text: SourceText) {
        (self.reading, self.limits, self.text) = (reading, limits, text)
    }

    private mutating func root() -> ConfigurationNode? {
        if let index = AliasGuard.firstAnchor(in: text.scalars) {
            refuseAnchor(at: text.mark(of: index))
            return nil
        }
        let start = ConfigurationMark(line: 1, column: 1)
        while true {
            do {
                let parser = try Parser(yaml: text.string, encoding: .utf8)
                // An anchor lives as long as its parser.
                return try withExtendedLifetime(parser) {
                    guard let node = try parser.singleRoot() else {
                        reading.report("the file is empty", at: start, hint: "begin with 'tenant: NAME'")
                        return nil
                    }
                    return convert(node, depth: 1)
                }
            } catch YamlError.duplicatedKeysInMapping(_, let context) {
                let mark = ConfigurationMark(line: context.mark.line, column: context.mark.column)
                guard rename(keyAt: mark) else {
                    report("this key is there twice in its mapping", at: mark, hint: "remove one")
                    return nil
                }
            } catch {
                let problem = YAMLProblem(error, in: text)
                report(problem.cause, at: problem.mark, hint: problem.hint)
                return nil
            }
        }
    }

    private mutating func rename(keyAt mark: ConfigurationMark) -> Bool {
        guard renamed.count < limits.repeatedKeys, renamed.count * text.scalars.count < limits.repeatedBytes,
            renamed[mark] == nil,
            let replacement = Unicode.Scalar(0xF0000 + UInt32(renamed.count)), var place = text.scalar(at: mark)
        else { return false }
        if place.scalar == "\"" || place.scalar == "'" {
            let quote = place.scalar
            guard let next = text.scalar(at: ConfigurationMark(line: mark.line, column: mark.column + 1)),
                next.scalar != quote
            else { return false }
            place = next
        } else if "[]{}&*!?:|>,#".unicodeScalars.contains(place.scalar) {
            return false
        }
        text.replace(at: place.index, with: replacement)
        renamed[mark] = (place.scalar, replacement)
        return true
    }

    private mutating func convert(_ node: Node, depth: Int) -> ConfigurationNode {
        let mark = Self.mark(node.mark)
        let unusable = ConfigurationNode(mark: mark, content: .unusable)
        guard depth <= limits.depth else {
            report("nested deeper than \(limits.depth)", at: mark)
            return unusable
        }
        guard !refuseProperties(of: node, at: mark) else { return unusable }
        switch node {
        case .scalar(let scalar):
            return ConfigurationNode(mark: mark, content: Self.content(of: scalar))
        case .sequence(let sequence):
            var elements: [ConfigurationNode] = []
            for element in sequence { elements.append(convert(element, depth: depth + 1)) }
            return ConfigurationNode(mark: mark, content: .sequence(elements))
        case .mapping(let mapping):
            return ConfigurationNode(mark: mark, content: .mapping(entries(of: mapping, depth: depth)))
        case .alias:
            refuseAnchor(at: mark)
            return unusable
        }
    }

    private static func content(of scalar: Node.Scalar) -> ConfigurationNode.Content {
        let isQuoted = scalar.style != .plain && scalar.style != .any
        let isNull = !isQuoted && ["", "~", "null", "Null", "NULL"].contains(scalar.string)
        return isNull ? .null : .scalar(scalar.string, isQuoted: isQuoted)
    }

    private mutating func entries(of mapping: Node.Mapping, depth: Int) -> [ConfigurationNode.Entry] {
        var entries: [ConfigurationNode.Entry] = []
        var places: [String: ConfigurationMark] = [:]
        for (key, value) in mapping {
            let mark = Self.mark(key.mark)
            guard !refuseProperties(of: key, at: mark), let name = name(of: key, at: mark) else { continue }
            let node = convert(value, depth: depth + 1)
            if let first = places.updateValue(mark, forKey: name) {
                places[name] = min(first, mark)
                report(
                    "\(ConfigurationDiagnostic.quoted(name)) is there twice, first at line \(min(first, mark).line), "
                        + "column \(min(first, mark).column)", at: max(first, mark), hint: "remove one of the two")
                continue
            }
            entries.append(ConfigurationNode.Entry(key: name, keyMark: mark, value: node))
        }
        return entries
    }

    /// The text of a key, with its own first letter; nil, and reported, when it is none.
    private mutating func name(of key: Node, at mark: ConfigurationMark) -> String? {
        guard case .scalar(let scalar) = key else {
            report("a key has to be a word", at: mark, hint: "quote a value that begins with [ or {")
            return nil
        }
        guard !scalar.string.isEmpty else {
            report("a key is empty", at: mark)
            return nil
        }
        guard scalar.string != "<<" else {
            report("merge keys (<<) are not supported", at: mark, hint: "write the keys where they are needed")
            return nil
        }
        guard let change = renamed[mark] else { return scalar.string }
        var name = String.UnicodeScalarView()
        name.append(contentsOf: scalar.string.unicodeScalars.map { $0 == change.replacement ? change.original : $0 })
        return String(name)
    }

    /// A node's mark is that of its anchor or tag, if it has one; no node of another kind begins with their characters.
    private mutating func refuseProperties(of node: Node, at mark: ConfigurationMark) -> Bool {
        switch text.scalar(at: mark)?.scalar {
        case "&", "*":
            // A block mapping begins where its first key does: what stands there is the key's.
            if case .mapping(let mapping) = node, let key = mapping.first?.key, Self.mark(key.mark) == mark {
                return false
            }
            refuseAnchor(at: mark)
            return true
        case "!":
            if case .mapping(let mapping) = node, let key = mapping.first?.key, Self.mark(key.mark) == mark {
                return false
            }
            report("tags (!) are not supported", at: mark, hint: "remove it; quote a text that begins with !")
            return true
        default: return false
        }
    }

    private mutating func refuseAnchor(at mark: ConfigurationMark) {
        report(
            "anchors (&) and aliases (*) are not supported", at: mark,
            hint: "repeat the value; quote a text that begins with & or *")
    }

    /// One report for each place: an aliased node comes by more than once.
    private mutating func report(_ cause: String, at mark: ConfigurationMark, hint: String? = nil) {
        if reported.insert(mark).inserted { reading.report(cause, at: mark, hint: hint) }
    }

    private static func mark(_ mark: Mark?) -> ConfigurationMark {
        ConfigurationMark(line: max(1, mark?.line ?? 1), column: max(1, mark?.column ?? 1))
    }

    private static func position(ofBadUTF8In bytes: [UInt8]) -> ConfigurationMark {
        var decoder = UTF8()
        var iterator = bytes.makeIterator()
        var (line, column) = (1, 1)
        while case .scalarValue(let scalar) = decoder.decode(&iterator) {
            (line, column) = scalar == "\n" ? (line + 1, 1) : (line, column + 1)
        }
        return ConfigurationMark(line: line, column: column)
    }
}
