import Foundation

/// Checks lines against the published schema of CallEvent, and against the one rule that a schema cannot tell.
///
/// Knows exactly the keywords of JSON Schema 2020-12 that the schema uses, and refuses a schema that holds another one, so
/// that a new keyword is never passed over.
public struct SchemaValidator: Sendable {
    private let root: [String: JSONTree]
    private let definitions: [String: JSONTree]
    private let patterns: [String: NSRegularExpression]

    /// Text of the published schema.
    public static func schemaText() throws -> Data {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        return try Data(contentsOf: folder.appendingPathComponent("Fixtures/call-event.schema.json"))
    }

    /// The validator of the published schema.
    public static func callEvent() throws -> SchemaValidator { try SchemaValidator(schemaText()) }

    public init(_ schema: Data) throws {
        guard let root = try JSONTree(schema).object else { throw TestFailure(description: "the schema is no object") }
        self.root = root
        definitions = root["$defs"]?.object ?? [:]
        var patterns: [String: NSRegularExpression] = [:]
        try Self.inspect(root, &patterns)
        self.patterns = patterns
    }

    /// What is wrong with `line`, each fault with its place; empty for a good line.
    public func faults(of line: String) -> [String] {
        guard let value = try? JSONTree(Data(line.utf8)) else { return ["no JSON: \(line.prefix(200))"] }
        var found: [String] = []
        check(value, root, "", &found)
        if let event = value.object, event["time_source"] == .text("received"),
            event["occurred_at"] != event["received_at"]
        {
            found.append("occurred_at differs from received_at, and time_source is received")
        }
        return found
    }

    // MARK: The schema

    private static let keywords: Set<String> = [
        "$schema", "$id", "$comment", "$defs", "$ref", "title", "description", "type", "properties", "required",
        "additionalProperties", "enum", "const", "pattern", "minLength", "minimum", "maximum", "items", "minItems",
        "allOf", "anyOf", "if", "then",
    ]

    /// Refuses unknown keywords and compiles the patterns.
    private static func inspect(
        _ schema: [String: JSONTree], _ patterns: inout [String: NSRegularExpression]
    ) throws {
        for (keyword, value) in schema {
            guard keywords.contains(keyword) else {
                throw TestFailure(description: "the validator does not know the schema keyword '\(keyword)'")
            }
            switch keyword {
            case "pattern":
                if let text = value.text { patterns[text] = try NSRegularExpression(pattern: text) }
            case "properties", "$defs":
                for inner in (value.object ?? [:]).values { try inspect(inner.object ?? [:], &patterns) }
            case "allOf", "anyOf":
                for inner in value.list ?? [] { try inspect(inner.object ?? [:], &patterns) }
            case "additionalProperties", "items", "if", "then":
                if let inner = value.object { try inspect(inner, &patterns) }
            default: break
            }
        }
    }

    // MARK: Values

    private func check(_ value: JSONTree, _ schema: [String: JSONTree], _ path: String, _ found: inout [String]) {
        if let reference = schema["$ref"]?.text {
            let name = reference.split(separator: "/").last.map(String.init) ?? ""
            if let target = definitions[name]?.object {
                check(value, target, path, &found)
            } else {
                found.append("\(path): no definition \(reference)")
            }
        }
        if let type = schema["type"] {
            let names = (type.list ?? [type]).compactMap(\.text)
            if !names.contains(where: value.isOf) { found.append("\(path): expected \(names)") }
        }
        if let expected = schema["const"], expected != value { found.append("\(path): expected \(expected)") }
        if let words = schema["enum"]?.list, !words.contains(value) {
            found.append("\(path): \(value) is none of the words")
        }
        checkBounds(of: value, schema, path, &found)
        if let object = value.object { check(object: object, schema, path, &found) }
        if let list = value.list { check(list: list, schema, path, &found) }
        combine(value, schema, path, &found)
    }

    private func checkBounds(
        of value: JSONTree, _ schema: [String: JSONTree], _ path: String, _ found: inout [String]
    ) {
        if let text = value.text {
            if let least = schema["minLength"]?.number, Double(text.unicodeScalars.count) < least {
                found.append("\(path): shorter than \(least)")
            }
            if let pattern = schema["pattern"]?.text,
                patterns[pattern]?.firstMatch(in: text, range: NSRange(text.startIndex..., in: text)) == nil
            {
                found.append("\(path): '\(text)' does not match \(pattern)")
            }
        }
        if let number = value.number {
            if let least = schema["minimum"]?.number, number < least { found.append("\(path): below \(least)") }
            if let most = schema["maximum"]?.number, number > most { found.append("\(path): above \(most)") }
        }
    }

    private func check(
        object: [String: JSONTree], _ schema: [String: JSONTree], _ path: String, _ found: inout [String]
    ) {
        for name in schema["required"]?.list ?? [] where object[name.text ?? ""] == nil {
            found.append("\(path): '\(name.text ?? "")' is missing")
        }
        let known = schema["properties"]?.object ?? [:]
        for (name, member) in object {
            if let inner = known[name]?.object {
                check(member, inner, "\(path)/\(name)", &found)
            } else if let inner = schema["additionalProperties"]?.object {
                check(member, inner, "\(path)/\(name)", &found)
            } else if schema["additionalProperties"] == .boolean(false) {
                found.append("\(path): unknown member '\(name)'")
            }
        }
    }

    private func check(list: [JSONTree], _ schema: [String: JSONTree], _ path: String, _ found: inout [String]) {
        if let least = schema["minItems"]?.number, Double(list.count) < least {
            found.append("\(path): fewer than \(least) items")
        }
        guard let inner = schema["items"]?.object else { return }
        for (index, item) in list.enumerated() { check(item, inner, "\(path)/\(index)", &found) }
    }

    private func combine(_ value: JSONTree, _ schema: [String: JSONTree], _ path: String, _ found: inout [String]) {
        for inner in schema["allOf"]?.list ?? [] { check(value, inner.object ?? [:], path, &found) }
        if let choices = schema["anyOf"]?.list, !choices.contains(where: { accepts(value, $0.object ?? [:]) }) {
            found.append("\(path): none of the \(choices.count) choices fits")
        }
        if let condition = schema["if"]?.object, let consequence = schema["then"]?.object, accepts(value, condition) {
            check(value, consequence, path, &found)
        }
    }

    private func accepts(_ value: JSONTree, _ schema: [String: JSONTree]) -> Bool {
        var found: [String] = []
        check(value, schema, "", &found)
        return found.isEmpty
    }
}

/// A JSON text as a tree of values.
indirect enum JSONTree: Sendable, Equatable {
    case null
    case boolean(Bool)
    case number(Double)
    case text(String)
    case list([JSONTree])
    case object([String: JSONTree])

    init(_ data: Data) throws {
        self = try JSONDecoder().decode(JSONTree.self, from: data)
    }

    var text: String? { if case .text(let text) = self { text } else { nil } }
    var number: Double? { if case .number(let number) = self { number } else { nil } }
    var list: [JSONTree]? { if case .list(let list) = self { list } else { nil } }
    var object: [String: JSONTree]? { if case .object(let object) = self { object } else { nil } }

    /// True for a value of the JSON Schema type called `name`.
    func isOf(_ name: String) -> Bool {
        switch self {
        case .null: name == "null"
        case .boolean: name == "boolean"
        case .number(let number): name == "number" || (name == "integer" && number == number.rounded())
        case .text: name == "string"
        case .list: name == "array"
        case .object: name == "object"
        }
    }
}

extension JSONTree: Decodable {
    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if let object = try? value.decode([String: JSONTree].self) {
            self = .object(object)
        } else if let text = try? value.decode(String.self) {
            self = .text(text)
        } else if let list = try? value.decode([JSONTree].self) {
            self = .list(list)
        } else if let boolean = try? value.decode(Bool.self) {
            self = .boolean(boolean)
        } else if let number = try? value.decode(Double.self) {
            self = .number(number)
        } else {
            self = .null
        }
    }
}
