/// The peer broke HTTP/1.1 or one of our limits. Final: the connection has to be closed.
public struct HTTPError: Error, Equatable, Sendable {
    public enum Code: Error, Equatable, Sendable {
        /// What it sent instead; its beginning, made printable.
        case notHTTP(String)
        /// A TLS record where plain text was expected.
        case tlsRecord
        case badStartLine
        /// HTTP, but no version 1.
        case unsupportedVersion
        /// A line end without its carriage return, or a carriage return alone.
        case badLineEnd
        case badFieldName
        case badFieldValue
        /// A field that goes on in the next line.
        case foldedField
        case headTooLong(limitBytes: Int)
        case tooManyFields(limit: Int)
        case badContentLength
        case repeatedContentLength
        /// Two ways to tell the end of a body, of which another reader may take the other one.
        case lengthAndTransferEncoding
        case unsupportedTransferEncoding
        case badChunk
        case bodyTooLong(limitBytes: Int)
        case tooManyInterimResponses(limit: Int)
        /// 101 although nothing but HTTP was asked for.
        case unexpectedUpgrade
        /// Bytes without a request that they could answer.
        case unrequested
        /// None, or more than one, in a request that needs it.
        case badHost
        /// The connection ended before the head.
        case noAnswer
        /// The connection ended within the head.
        case cutHead
        /// The connection ended within the body.
        case cutBody
    }

    public let code: Code
    /// Bytes of the connection before the mistake.
    public let offset: Int

    public init(_ code: Code, offset: Int) { (self.code, self.offset) = (code, offset) }
}

extension HTTPError: CustomStringConvertible {
    public var description: String {
        switch code {
        case .notHTTP(let text): "the peer does not speak HTTP, it sent \"\(text)\": check host and port"
        case .tlsRecord: "the peer speaks TLS on this port: use wss:// or https://"
        case .noAnswer: "the peer closed the connection without an answer: check the port, and the peer's log"
        case .cutHead: "the connection was cut in the head of the answer, after \(offset) bytes"
        case .cutBody: "the connection was cut in the body of the answer, after \(offset) bytes"
        case .headTooLong(let limit): "the head of the message is longer than \(limit) bytes"
        case .tooManyFields(let limit): "the message has more than \(limit) header fields"
        case .bodyTooLong(let limit): "the body of the message is longer than \(limit) bytes"
        case .tooManyInterimResponses(let limit): "more than \(limit) answers of status 1xx came before the final one"
        case .unexpectedUpgrade: "the peer switched to another protocol unasked (101)"
        case .unrequested: "the peer sent bytes that answer no request, at byte \(offset)"
        case .badStartLine, .unsupportedVersion, .badLineEnd, .badFieldName, .badFieldValue, .foldedField,
            .badContentLength, .repeatedContentLength, .lengthAndTransferEncoding, .unsupportedTransferEncoding,
            .badChunk, .badHost:
            "the peer's HTTP is malformed at byte \(offset): \(fault)"
        }
    }

    private var fault: String {
        switch code {
        case .badStartLine: "the first line is not one of HTTP/1.1"
        case .unsupportedVersion: "the version is not HTTP/1.0 or HTTP/1.1"
        case .badLineEnd: "a line does not end in CR LF"
        case .badFieldName: "the name of a header field is none"
        case .badFieldValue: "a header field has a control character"
        case .foldedField: "a header field is continued in the next line, which is obsolete and refused"
        case .badContentLength: "Content-Length is no number"
        case .repeatedContentLength: "there is more than one Content-Length"
        case .lengthAndTransferEncoding: "there are both Content-Length and Transfer-Encoding"
        case .unsupportedTransferEncoding: "Transfer-Encoding is not just chunked"
        case .badChunk: "a chunk is not as it should be"
        case .badHost: "there is not exactly one Host field"
        case .notHTTP, .tlsRecord, .headTooLong, .tooManyFields, .bodyTooLong, .tooManyInterimResponses,
            .unexpectedUpgrade, .unrequested, .noAnswer, .cutHead, .cutBody:
            ""
        }
    }
}

/// A head of ours that cannot be written, because a peer would read something else in it.
public enum HTTPUsageError: Error, Equatable, Sendable {
    case badMethod
    /// Empty, or with blanks, control characters or anything outside ASCII.
    case badTarget
    case badFieldName
    case badFieldValue(name: String)
    /// A field that the handshake or the body decides about.
    case reservedField(name: String)
}

extension HTTPUsageError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .badMethod: "the request's method is no token"
        case .badTarget: "the path or query has characters that must be percent-encoded"
        case .badFieldName: "the name of a header field is no token"
        case .badFieldValue(let name): "the header field \(name) has a line end or another control character"
        case .reservedField(let name): "the header field \(name) is set by the protocol and cannot be configured"
        }
    }
}
