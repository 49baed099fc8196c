import Codecs
import NIOCore

/// What a Socket.IO packet is for (note, section 2.5).
public enum SocketIOPacketType: UInt8, Sendable, CaseIterable {
    case connect, disconnect, event, acknowledgement
    /// Protocol 4 calls it ERROR.
    case connectError
    case binaryEvent, binaryAcknowledgement

    var hasAttachments: Bool { self == .binaryEvent || self == .binaryAcknowledgement }

    /// Digits behind the namespace are an id, not JSON.
    var mayHaveID: Bool {
        switch self {
        case .event, .acknowledgement, .binaryEvent, .binaryAcknowledgement: true
        case .connect, .disconnect, .connectError: false
        }
    }
}

/// The id by which an acknowledgement finds its event. Peers choose them freely and some beyond any integer, so it is kept
/// as the digits it came with.
public struct SocketIOAcknowledgementID: Hashable, Sendable, CustomStringConvertible {
    public let digits: String

    public init(_ number: UInt64) { digits = "\(number)" }

    init(digits: String) { self.digits = digits }

    public var description: String { digits }

    /// Where it is one of ours.
    var number: UInt64? { digits.utf8.first == UInt8(ascii: "0") && digits != "0" ? nil : UInt64(digits) }
}

/// One packet of Socket.IO, protocol 4 or 5: the data of an Engine.IO message. Its attachments follow in messages of
/// their own.
public struct SocketIOPacket: Sendable {
    public var type: SocketIOPacketType
    /// `/` where the packet names none. A client of protocol 4 may put a query behind it.
    public var namespace: String
    public var acknowledgementID: SocketIOAcknowledgementID?
    /// The JSON; nil where the packet has none.
    public var payload: JSONDocument?
    /// So many binary messages belong to it.
    public var attachmentCount: Int

    public init(
        _ type: SocketIOPacketType, namespace: String = "/", acknowledgementID: SocketIOAcknowledgementID? = nil,
        payload: JSONDocument? = nil, attachmentCount: Int = 0
    ) {
        (self.type, self.namespace, self.acknowledgementID) = (type, namespace, acknowledgementID)
        (self.payload, self.attachmentCount) = (payload, attachmentCount)
    }
}

/// Why a Socket.IO peer is not understood, or asks for more than it may.
public enum SocketIOViolation: Error, Equatable, Sendable {
    case engine(EngineIOViolation)
    case emptyPacket
    /// The byte that stands where the type should.
    case unknownType(UInt8)
    case longNamespace(limitBytes: Int)
    case longAcknowledgementID(limitDigits: Int)
    case json(JSONError)
    case messageTooLong(limitBytes: Int)
    /// A binary packet does not say how many attachments it has.
    case missingAttachmentCount
    case tooManyAttachments(limit: Int)
    case attachmentsTooLong(limitBytes: Int)
    /// A placeholder leads to no attachment, or is malformed.
    case badPlaceholder
    /// Text came where an attachment was due.
    case missingAttachment(received: Int, of: Int)
    /// Bytes came where no attachment was due.
    case unexpectedBinary
    case tooManyEarlyEvents(limit: Int)

    /// Nothing that follows depends on the packet: it is counted and left out. Anything else ends the session.
    var isTolerable: Bool {
        switch self {
        case .engine(.empty), .engine(.unknownType), .emptyPacket, .unknownType: true
        default: false
        }
    }

    /// How it is counted where it is tolerable.
    var oddity: SocketIOOddity {
        if case .engine = self { .unknownEnginePacket } else { .unknownPacket }
    }
}

extension SocketIOViolation: CustomStringConvertible {
    public var description: String {
        switch self {
        case .engine(let violation): "\(violation)"
        case .emptyPacket: "a packet without a type"
        case .unknownType(let byte): "packets of type \(HTTPSyntax.printable([byte], limit: 1)) do not exist"
        case .longNamespace(let limit): "a namespace is longer than \(limit) bytes"
        case .longAcknowledgementID(let limit): "the id of an acknowledgement has more than \(limit) digits"
        case .json(let error): "the JSON of a packet is malformed or beyond a limit: \(error)"
        case .messageTooLong(let limit): "a message is longer than \(limit) bytes"
        case .missingAttachmentCount: "a binary packet does not say how many attachments it has"
        case .tooManyAttachments(let limit): "a packet has more than \(limit) attachments"
        case .attachmentsTooLong(let limit): "the attachments of a packet are longer than \(limit) bytes together"
        case .badPlaceholder: "a placeholder leads to no attachment"
        case .missingAttachment(let received, let count):
            "text came where attachment \(received + 1) of \(count) was due"
        case .unexpectedBinary: "bytes came where no attachment was due"
        case .tooManyEarlyEvents(let limit): "more than \(limit) events came before the connection was answered"
        }
    }
}
