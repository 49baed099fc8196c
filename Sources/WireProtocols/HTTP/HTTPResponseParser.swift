import NIOCore

/// The responses of one connection, in parts, by HTTP/1.1 (RFC 9112). HTTP/1.0 is understood as well.
///
/// `expect` for each request, `receive` for what the socket gives, then `next` until nil. Interim responses (1xx) are taken
/// and dropped, but 101 where an upgrade was asked for.
public struct HTTPResponseParser: Sendable {
    public enum Part: Equatable {
        case head(HTTPResponseHead)
        /// A piece of the body, as it came.
        case body(ByteBuffer)
        case end
    }

    private let limits: HTTPLimits
    private var messages: HTTPMessageParser
    /// Of the request that is being answered; nil when there is none.
    private var request: (method: String, wantsUpgrade: Bool)?
    private var interim = 0
    private var hasSeenVersion = false
    /// Whether the connection can take another request once the response has ended.
    public private(set) var isReusable = false

    public init(limits: HTTPLimits = HTTPLimits()) {
        self.limits = limits
        messages = HTTPMessageParser(limits: limits)
    }

    /// A request was sent: the next response answers it.
    public mutating func expect(method: String, wantsUpgrade: Bool = false) {
        (request, interim) = ((method, wantsUpgrade), 0)
        messages.restart()
    }

    public mutating func receive(_ bytes: ByteBuffer) { messages.receive(bytes) }

    /// What came behind a response that leads to another protocol.
    public mutating func takeRest() -> ByteBuffer { messages.takeRest() }

    /// The next part, or nil when more bytes are needed.
    public mutating func next() throws(HTTPError) -> Part? {
        guard request != nil else {
            let rest = messages.takeRest()
            if rest.readableBytes > 0 { throw HTTPError(.unrequested, offset: messages.offset) }
            return nil
        }
        if !hasSeenVersion { try recognize() }
        while let part = try messages.next() {
            switch part {
            case .head(let line, let headers):
                if let head = try begin(line, headers) { return .head(head) }
            case .body(let bytes): return .body(bytes)
            case .end:
                request = nil
                return .end
            }
        }
        return nil
    }

    /// The peer will send nothing more: the end of a body that had no other end comes with the next `next`.
    public mutating func connectionClosed() throws(HTTPError) {
        guard request != nil else { return }
        _ = try messages.connectionClosed()
    }

    /// Nil for an interim response.
    private mutating func begin(_ line: [UInt8], _ headers: HTTPHeaders) throws(HTTPError) -> HTTPResponseHead? {
        do throws(HTTPError.Code) {
            let head = try Self.head(line, headers)
            if (100..<200).contains(head.status), head.status != 101 {
                interim += 1
                guard interim <= limits.interimResponses else {
                    throw .tooManyInterimResponses(limit: limits.interimResponses)
                }
                messages.restart()
                return nil
            }
            let framing = try framing(head)
            isReusable =
                head.minorVersion == 1 && framing != .untilClose && head.status != 101
                && !headers.hasMember("Connection", "close")
            try frame(framing)
            return head
        } catch {
            throw HTTPError(error, offset: messages.offset)
        }
    }

    private mutating func frame(_ framing: HTTPBodyFraming) throws(HTTPError.Code) {
        do { try messages.frame(framing) } catch { throw error.code }
    }

    /// RFC 9112, section 6.3.
    private func framing(_ head: HTTPResponseHead) throws(HTTPError.Code) -> HTTPBodyFraming {
        let isTunnel = request?.method == "CONNECT" && (200..<300).contains(head.status)
        if head.status == 101 {
            guard request?.wantsUpgrade == true else { throw .unexpectedUpgrade }
            return .none
        }
        // Whatever the fields say.
        if isTunnel || request?.method == "HEAD" || head.status == 204 || head.status == 304 { return .none }
        return try HTTPMessageParser.framing(head.headers, minorVersion: head.minorVersion) ?? .untilClose
    }

    /// `HTTP/1.1 200 OK`; the reason and the blank before it may be missing.
    private static func head(_ line: [UInt8], _ headers: HTTPHeaders) throws(HTTPError.Code) -> HTTPResponseHead {
        guard line.count >= 12, line[8] == 0x20, line.count == 12 || line[12] == 0x20,
            let status = HTTPSyntax.decimal(line[9..<12]), status >= 100, HTTPSyntax.isFieldValue(line)
        else { throw .badStartLine }
        return HTTPResponseHead(
            status: status, reason: String(decoding: line.dropFirst(13), as: UTF8.self),
            minorVersion: try HTTPMessageParser.minorVersion(line[..<8]), headers: headers)
    }

    /// Says early, with the bytes, that the peer speaks something else.
    private mutating func recognize() throws(HTTPError) {
        let code: HTTPError.Code? = messages.peek { bytes in
            let expected = Array("HTTP/".utf8)
            let count = min(bytes.count, expected.count)
            guard !bytes.prefix(count).elementsEqual(expected.prefix(count)) else { return nil }
            if bytes[0] == 0x15 || bytes[0] == 0x16, bytes.count == 1 || bytes[1] == 0x03 { return .tlsRecord }
            return .notHTTP(HTTPSyntax.printable(bytes, limit: 40))
        }
        if let code { throw HTTPError(code, offset: messages.offset) }
        hasSeenVersion = messages.peek { $0.count >= 5 }
    }
}
