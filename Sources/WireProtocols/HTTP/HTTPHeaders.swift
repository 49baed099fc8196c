/// Header fields in the order in which they came or will be sent. Names are compared without case.
///
/// Prints the names alone: values may be secrets.
public struct HTTPHeaders: Sendable, Equatable {
    public struct Field: Sendable, Equatable {
        public let name: String
        public let value: String
    }

    public private(set) var fields: [Field] = []

    public init(_ fields: [(String, String)] = []) {
        for (name, value) in fields { add(name, value) }
    }

    public mutating func add(_ name: String, _ value: String) {
        fields.append(Field(name: name, value: value))
    }

    public mutating func add(_ others: HTTPHeaders) {
        fields += others.fields
    }

    public mutating func remove(_ name: String) {
        fields.removeAll { HTTPSyntax.equal($0.name, name) }
    }

    public func contains(_ name: String) -> Bool {
        fields.contains { HTTPSyntax.equal($0.name, name) }
    }

    /// The value of the first field of this name.
    public func first(_ name: String) -> String? {
        fields.first { HTTPSyntax.equal($0.name, name) }?.value
    }

    /// The values of all fields of this name.
    public func all(_ name: String) -> [String] {
        fields.filter { HTTPSyntax.equal($0.name, name) }.map(\.value)
    }

    /// The members of a comma-separated list over all fields of this name; empty ones do not count (RFC 9110, section 5.6.1).
    public func members(_ name: String) -> [String] {
        all(name).flatMap { value in
            value.split(separator: ",").map { Self.trimmed($0) }.filter { !$0.isEmpty }
        }
    }

    /// Whether `token` is a member of the list, whatever its case.
    public func hasMember(_ name: String, _ token: String) -> Bool {
        members(name).contains { HTTPSyntax.equal($0, token) }
    }

    static func trimmed(_ text: Substring) -> String {
        let isBlank = { (character: Character) in character == " " || character == "\t" }
        let start = text.drop(while: isBlank)
        return String(start.reversed().drop(while: isBlank).reversed())
    }
}

extension HTTPHeaders: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, String)...) { self.init(elements) }
}

extension HTTPHeaders: CustomStringConvertible {
    public var description: String { "HTTPHeaders(\(fields.map(\.name).joined(separator: ", ")))" }
}
