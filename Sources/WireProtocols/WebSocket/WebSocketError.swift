import NIOCore

/// What ends a WebSocket before its time. Each is one sentence with advice.
public enum WebSocketError: Error, Equatable, Sendable {
    /// The peer agreed to something else than what was asked for.
    case handshake(WebSocketHandshakeFault)
    /// The peer broke a rule or one of our limits, `offset` bytes behind the handshake.
    case violation(WebSocketViolation, offset: Int)
    /// The connection ended without a close frame.
    case cut(WebSocketCut)
    /// A ping was not answered, and nothing else came.
    case noPong(within: TimeAmount)
    /// Nothing came.
    case silent(for: TimeAmount)
    /// Our close frame was not answered.
    case closeUnanswered(within: TimeAmount)
    /// What we have to say is not taken.
    case unsent(limitBytes: Int)
}

/// Where a connection was cut.
public enum WebSocketCut: Equatable, Sendable {
    case betweenMessages
    case betweenFragments
    case inFrameHeader
    case inPayload(received: Int, of: Int)
}

/// Why a 101 is worth nothing (RFC 6455, section 4.1).
public enum WebSocketHandshakeFault: Error, Equatable, Sendable {
    case httpVersion
    case upgradeField
    case connectionField
    case missingAccept
    case wrongAccept
    case unknownSubprotocol
    case unknownExtension(String)
    /// A parameter of permessage-deflate that was not offered, is out of range, or comes twice (RFC 7692, section 7.1).
    case badCompression(String)
}

/// A broken rule of RFC 6455, section 5, or of RFC 7692.
public enum WebSocketViolation: Error, Equatable, Sendable {
    /// Where the first frame should be another answer over HTTP comes: its beginning, at most 1 KiB.
    case httpInstead(String)
    case reservedBits(UInt8)
    case unknownOpcode(UInt8)
    case fragmentedControl
    case longControl(Int)
    case wastefulLength
    case impossibleLength
    case maskedByServer
    case unmaskedByClient
    case nothingToContinue
    case unfinishedMessage
    case shortClose
    case badCloseCode(UInt16)
    case badCloseText
    case badText
    case messageTooLong(limitBytes: Int)
    case inflatedTooLong(limitBytes: Int)
    /// zlib's words.
    case badCompressedData(String)

    /// What the peer is told (RFC 6455, section 7.4.1).
    public var closeCode: WebSocketCloseCode {
        switch self {
        case .httpInstead, .reservedBits, .unknownOpcode, .fragmentedControl, .longControl, .wastefulLength,
            .impossibleLength,
            .maskedByServer, .unmaskedByClient, .nothingToContinue, .unfinishedMessage, .shortClose, .badCloseCode:
            .protocolError
        case .badText, .badCloseText, .badCompressedData: .invalidData
        case .messageTooLong, .inflatedTooLong: .messageTooBig
        }
    }
}

extension WebSocketError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .handshake(let fault): "the peer's answer is no agreement to a WebSocket: \(fault)"
        case .violation(.messageTooLong(let limit), let offset):
            "a message is longer than \(limit) bytes (its frame begins at byte \(offset); closed with "
                + "\(WebSocketCloseCode.messageTooBig.rawValue)): raise the limit if such messages are meant"
        case .violation(.inflatedTooLong(let limit), let offset):
            "a compressed message is longer than \(limit) bytes (its frame begins at byte \(offset); closed with "
                + "\(WebSocketCloseCode.messageTooBig.rawValue)): raise the limit if such messages are meant"
        case .violation(let violation, let offset):
            "the peer broke the WebSocket protocol at byte \(offset): \(violation) (closed with "
                + "\(violation.closeCode.rawValue)): look for a proxy in between, or tell the vendor"
        case .cut(let place):
            "the connection was cut without a close frame, \(place): look whether the peer or a proxy in between restarted"
        case .noPong(let limit):
            "the peer did not answer a ping within \(limit.words) and sent nothing else: it is gone"
        case .silent(let limit): "nothing came from the peer for \(limit.words): it is gone"
        case .closeUnanswered(let limit): "the peer did not answer our close frame within \(limit.words)"
        case .unsent(let limit): "the peer does not take what is sent to it: more than \(limit) bytes are waiting"
        }
    }
}

extension WebSocketCut: CustomStringConvertible {
    public var description: String {
        switch self {
        case .betweenMessages: "between two messages"
        case .betweenFragments: "between two fragments of a message"
        case .inFrameHeader: "in the header of a frame"
        case .inPayload(let received, let length): "in a frame, after \(received) of \(length) bytes"
        }
    }
}

extension WebSocketHandshakeFault: CustomStringConvertible {
    public var description: String {
        switch self {
        case .httpVersion: "it speaks HTTP/1.0, which knows no WebSocket; a proxy in between may be the cause"
        case .upgradeField: "its Upgrade field does not say websocket; a proxy in between may have removed it"
        case .connectionField: "its Connection field does not say Upgrade; a proxy in between may have removed it"
        case .missingAccept: "it has no Sec-WebSocket-Accept; the server does not really speak WebSocket"
        case .wrongAccept: "its Sec-WebSocket-Accept does not match our key; a cache or a broken server answered"
        case .unknownSubprotocol: "it chose a subprotocol that was not offered"
        case .unknownExtension(let name): "it wants the extension \(name), which was not offered"
        case .badCompression(let words): "its permessage-deflate is not what was offered: \(words)"
        }
    }
}

extension WebSocketViolation: CustomStringConvertible {
    public var description: String {
        switch self {
        case .httpInstead(let text):
            "instead of frames it sent \"\(HTTPSyntax.printable(Array(text.utf8), limit: 60))\""
        case .reservedBits(let bits): "reserved bits are set (0x\(String(bits, radix: 16)))"
        case .unknownOpcode(let opcode): "frames of type \(opcode) do not exist"
        case .fragmentedControl: "a control frame is fragmented"
        case .longControl(let length): "a control frame has \(length) bytes, more than 125"
        case .wastefulLength: "a length is not written in its shortest form"
        case .impossibleLength: "a length has its highest bit set"
        case .maskedByServer: "a server masked its frame"
        case .unmaskedByClient: "a client did not mask its frame"
        case .nothingToContinue: "a continuation without a message"
        case .unfinishedMessage: "a message begins before the one before it has ended"
        case .shortClose: "a close frame of one byte"
        case .badCloseCode(let code): "close code \(code) may not be sent"
        case .badCloseText: "the reason of a close frame is no UTF-8"
        case .badText: "a text message is no UTF-8"
        case .messageTooLong(let limit): "a message is longer than \(limit) bytes"
        case .inflatedTooLong(let limit): "a message is longer than \(limit) bytes when inflated"
        case .badCompressedData(let words): "compressed data is damaged (\(words))"
        }
    }
}

extension TimeAmount {
    /// In seconds, or milliseconds where it is less than one.
    var words: String {
        nanoseconds % 1_000_000_000 == 0 ? "\(nanoseconds / 1_000_000_000) s" : "\(nanoseconds / 1_000_000) ms"
    }
}
