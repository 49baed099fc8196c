import Codecs

/// The proof that a server has read our request as a WebSocket's (RFC 6455, section 1.3).
struct WebSocketHandshakeKey: Equatable {
    /// 16 bytes in Base64.
    let text: String

    init(random: inout some RandomNumberGenerator) {
        var bytes: [UInt8] = []
        for _ in 0..<2 { withUnsafeBytes(of: random.next() as UInt64) { bytes.append(contentsOf: $0) } }
        text = Base64.encode(bytes)
    }

    /// Nil for anything but 16 bytes in Base64.
    init?(_ text: String) {
        guard text.utf8.count == 24, Base64.decode(text)?.count == 16 else { return nil }
        self.text = text
    }

    /// What the server has to answer.
    var accept: String {
        Array((text + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8).withUnsafeBytes { Base64.encode(Digest.sha1($0)) }
    }
}

/// What was agreed on when a WebSocket was opened.
public struct WebSocketOpening: Sendable, Equatable {
    /// Of the server's answer.
    public var headers: HTTPHeaders
    public var subprotocol: String?
    /// Nil: messages are not compressed.
    public var compression: PerMessageDeflateAgreement?

    public init(
        headers: HTTPHeaders = [:], subprotocol: String? = nil, compression: PerMessageDeflateAgreement? = nil
    ) {
        (self.headers, self.subprotocol, self.compression) = (headers, subprotocol, compression)
    }
}
