/// One member of Sec-WebSocket-Extensions (RFC 6455, section 9.1).
struct WebSocketExtension: Equatable {
    var name: String
    var parameters: [(name: String, value: String?)] = []

    static func == (left: WebSocketExtension, right: WebSocketExtension) -> Bool {
        left.name == right.name && left.parameters.elementsEqual(right.parameters, by: ==)
    }

    /// The members of all fields; nil where they do not follow the grammar.
    static func parse(_ fields: [String]) -> [WebSocketExtension]? {
        var members: [WebSocketExtension] = []
        for field in fields {
            var reader = Reader(rest: Array(field.utf8)[...])
            repeat {
                // Empty members mean nothing (RFC 9110, section 5.6.1).
                reader.skipBlanks()
                if reader.rest.isEmpty || reader.rest.first == UInt8(ascii: ",") { continue }
                guard let member = reader.member() else { return nil }
                members.append(member)
            } while reader.take(",")
            guard reader.rest.isEmpty else { return nil }
        }
        return members
    }

    private struct Reader {
        var rest: ArraySlice<UInt8>

        mutating func member() -> WebSocketExtension? {
            guard let name = token() else { return nil }
            var member = WebSocketExtension(name: name)
            while take(";") {
                guard let name = token() else { return nil }
                guard take("=") else {
                    member.parameters.append((name, nil))
                    continue
                }
                guard let value = rest.first == UInt8(ascii: "\"") ? quoted() : token() else { return nil }
                member.parameters.append((name, value))
            }
            return member
        }

        mutating func skipBlanks() {
            rest = rest.drop { $0 == 0x20 || $0 == 0x09 }
        }

        /// The character with blanks around it.
        mutating func take(_ character: Unicode.Scalar) -> Bool {
            skipBlanks()
            guard rest.first == UInt8(ascii: character) else { return false }
            rest.removeFirst()
            skipBlanks()
            return true
        }

        private mutating func token() -> String? {
            let token = rest.prefix { HTTPSyntax.isTokenByte($0) }
            guard !token.isEmpty else { return nil }
            rest = rest[token.endIndex...]
            return String(decoding: token, as: UTF8.self)
        }

        /// What is quoted must be a token once the quotes are gone.
        private mutating func quoted() -> String? {
            rest.removeFirst()
            var value: [UInt8] = []
            while let byte = rest.popFirst() {
                switch byte {
                case UInt8(ascii: "\""): return HTTPSyntax.isToken(value) ? String(decoding: value, as: UTF8.self) : nil
                case UInt8(ascii: "\\"):
                    guard let escaped = rest.popFirst() else { return nil }
                    value.append(escaped)
                default: value.append(byte)
                }
            }
            return nil
        }
    }
}
