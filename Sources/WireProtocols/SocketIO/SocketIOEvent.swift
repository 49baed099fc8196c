import Codecs
import NIOCore

/// An event with everything that belongs to it, or the arguments of an acknowledgement (`name` empty). Parsed once.
public struct SocketIOEvent: Sendable {
    public let namespace: String
    /// The first member of an event; a number as its digits. Empty for acknowledgements.
    public let name: String
    /// The whole array, the name included.
    public let payload: JSONDocument
    /// In the order of their numbers.
    public let attachments: [ByteBuffer]
    /// Set where the peer asks for an acknowledgement.
    public let acknowledgementID: SocketIOAcknowledgementID?

    private let skipped: Int

    /// Nil where the payload is not an array, or that of an event does not begin with a name.
    init?(_ packet: SocketIOPacket, attachments: [ByteBuffer]) {
        guard let payload = packet.payload, payload.root.kind == .array else { return nil }
        let isEvent = packet.type == .event || packet.type == .binaryEvent
        if isEvent {
            guard let first = payload.root.firstElement, let name = first.string ?? first.numberText else { return nil }
            self.name = name
        } else {
            name = ""
        }
        skipped = isEvent ? 1 : 0
        (namespace, self.payload, self.attachments) = (packet.namespace, payload, attachments)
        acknowledgementID = isEvent ? packet.acknowledgementID : nil
    }

    /// The members behind the name. Made anew at each call.
    public var arguments: [JSONValue] { Array(payload.root.elements.dropFirst(skipped)) }

    public var firstArgument: JSONValue? {
        let first = payload.root.firstElement
        return skipped == 0 ? first : first?.nextElement(in: payload.root)
    }

    /// The bytes that `{"_placeholder":true,"num":N}` stands for; nil for any other value.
    public func attachment(_ value: JSONValue) -> ByteBuffer? {
        guard let number = SocketIOPlaceholder.number(value), attachments.indices.contains(number) else { return nil }
        return attachments[number]
    }
}

/// `{"_placeholder":true,"num":N}`, at any depth of a binary packet.
enum SocketIOPlaceholder {
    /// N; nil where it is no placeholder, or one without a usable number.
    static func number(_ value: JSONValue) -> Int? {
        guard isPlaceholder(value), let text = value["num"]?.numberText, let number = Int(text), number >= 0 else {
            return nil
        }
        return number
    }

    static func isPlaceholder(_ value: JSONValue) -> Bool {
        value.kind == .object && value["_placeholder"]?.bool == true
    }

    /// Every placeholder below `value` leads to one of so many attachments. Depth is bounded by the parser's limit.
    static func areSound(_ value: JSONValue, count: Int) -> Bool {
        switch value.kind {
        case .array: value.elements.allSatisfy { areSound($0, count: count) }
        case .object:
            if isPlaceholder(value) {
                number(value).map { $0 < count } ?? false
            } else {
                value.members.allSatisfy { areSound($0.value, count: count) }
            }
        case .null, .boolean, .number, .string: true
        }
    }
}
