import NIOCore

/// The requests of one connection, in parts, for the server side (RFC 9112).
///
/// `receive` for what the socket gives, then `next` until nil. After `.end` the next request is only looked at when
/// `restart` was called: answer first.
public struct HTTPRequestParser: Sendable {
    public enum Part: Equatable {
        case head(HTTPRequestHead)
        case body(ByteBuffer)
        case end
    }

    private var messages: HTTPMessageParser
    /// Whether the client allows another request on this connection.
    public private(set) var isReusable = false

    public init(limits: HTTPLimits = HTTPLimits()) { messages = HTTPMessageParser(limits: limits) }

    /// Nothing of a request has come yet.
    public var isIdle: Bool { messages.isBetweenMessages }

    public mutating func receive(_ bytes: ByteBuffer) { messages.receive(bytes) }

    public mutating func restart() { messages.restart() }

    /// What came behind a request that leads to another protocol.
    public mutating func takeRest() -> ByteBuffer { messages.takeRest() }

    /// The next part, or nil when more bytes are needed, or after the end.
    public mutating func next() throws(HTTPError) -> Part? {
        switch try messages.next() {
        case .head(let line, let headers):
            let head: HTTPRequestHead
            let framing: HTTPBodyFraming
            do throws(HTTPError.Code) {
                head = try Self.head(line, headers)
                framing = try HTTPMessageParser.framing(headers, minorVersion: head.minorVersion) ?? .none
            } catch {
                throw HTTPError(error, offset: messages.offset)
            }
            isReusable = head.minorVersion == 1 && !headers.hasMember("Connection", "close")
            try messages.frame(framing)
            return .head(head)
        case .body(let bytes): return .body(bytes)
        case .end: return .end
        case nil: return nil
        }
    }

    /// `GET /path HTTP/1.1`, one blank between the parts (RFC 9112, section 3).
    private static func head(_ line: [UInt8], _ headers: HTTPHeaders) throws(HTTPError.Code) -> HTTPRequestHead {
        let parts = line.split(separator: 0x20, maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 3, HTTPSyntax.isToken(parts[0]), HTTPSyntax.isTarget(parts[1]) else { throw .badStartLine }
        let minorVersion = try HTTPMessageParser.minorVersion(parts[2])
        guard headers.all("Host").count == 1 || minorVersion == 0 && !headers.contains("Host") else { throw .badHost }
        return HTTPRequestHead(
            method: String(decoding: parts[0], as: UTF8.self), target: String(decoding: parts[1], as: UTF8.self),
            minorVersion: minorVersion, headers: headers)
    }
}
