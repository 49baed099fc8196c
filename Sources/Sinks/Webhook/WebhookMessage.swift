import Codecs
import WireProtocols

/// What is sent for one delivery: fields and body, pure.
package struct WebhookMessage: Equatable, Sendable {
    package enum Form: Sendable, Equatable {
        /// The line as it is: an event, or a CloudEvent that has been made of it.
        case line(contentType: String)
        /// Several lines as one JSON array.
        case array(contentType: String)
        /// A CloudEvent in binary mode: its attributes as fields, the event as the body.
        case cloudEventFields(typePrefix: String)
    }

    /// The same for every attempt to deliver these lines; receivers know repeats by it.
    package let id: String
    package let headers: HTTPHeaders
    package let body: [UInt8]

    /// `lines` end with a newline each; of more than one only `array` makes a message.
    package init(lines: [UInt8], ends: [Int], form: Form) {
        let ids = Self.ids(lines, ends)
        switch form {
        case .line(let contentType):
            id = ids.first ?? Self.digest([])
            headers = ["Content-Type": contentType]
            body = Array(lines.dropLast())
        case .array(let contentType):
            id = Self.digest(ids)
            headers = ["Content-Type": contentType]
            body = Self.array(lines, ends)
        case .cloudEventFields(let prefix):
            let line = Array(lines.dropLast())
            id = ids.first ?? Self.digest([])
            var fields: HTTPHeaders = ["Content-Type": "application/json", "ce-specversion": "1.0"]
            for (name, value) in line.withUnsafeBytes({ CloudEvent.attributes(of: $0, typePrefix: prefix) }) {
                fields.add("ce-\(name)", Self.fieldValue(value))
            }
            headers = fields
            body = line
        }
    }

    private static func ids(_ lines: [UInt8], _ ends: [Int]) -> [String] {
        lines.withUnsafeBytes { bytes in
            var start = 0
            return ends.map { end in
                defer { start = end }
                let line = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
                // A line of another form has no id that is known; what it says is one.
                return LineHead.id(of: line).map { String(decoding: line[$0], as: UTF8.self) }
                    ?? digest([String(decoding: line, as: UTF8.self)])
            }
        }
    }

    /// UUIDv5 of the URN of this use, over what is joined.
    private static let namespace = UUID128(high: 0x52C0_BA3F_180E_5275, low: 0xB4A6_D08C_9DCC_A3EF)

    private static func digest(_ parts: [String]) -> String {
        Array(("webhook\u{1F}" + parts.joined(separator: "\u{1F}")).utf8).withUnsafeBytes {
            "\(UUID128(namespace: namespace, name: $0))"
        }
    }

    private static func array(_ lines: [UInt8], _ ends: [Int]) -> [UInt8] {
        var body = lines
        for end in ends { body[end - 1] = UInt8(ascii: ",") }
        body[body.count - 1] = UInt8(ascii: "]")
        return [UInt8(ascii: "[")] + body
    }

    /// JSON text as a header value: percent-encoded where CloudEvents' HTTP binding (section 3.1.3.2) says so.
    private static func fieldValue(_ escaped: [UInt8]) -> String {
        var quoted = [UInt8(ascii: "\"")] + escaped
        quoted.append(UInt8(ascii: "\""))
        let text = (try? JSONDocument(quoted))?.root.string ?? ""
        var value = ""
        for byte in text.utf8 {
            switch byte {
            case 0x21, 0x23, 0x24, 0x26...0x7E: value.unicodeScalars.append(Unicode.Scalar(byte))
            default: value += "%" + Hex.text([byte]).uppercased()
            }
        }
        return value
    }
}
