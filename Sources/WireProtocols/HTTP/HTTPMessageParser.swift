import Codecs
import NIOCore

// Both directions of HTTP/1.1 share all but the first line and the rule that says how long a body is: those are the
// owner's (HTTPResponseParser, HTTPRequestParser).
//
//   startLine → fields → framing → fixed | chunkSize ⇄ chunk … trailers | untilClose → complete
//                           ↑ the owner says what the body is            restart: → startLine
//
// Strict where leniency is what request smuggling lives on: CR LF alone ends a line, no folded fields, one
// Content-Length, `chunked` as the only coding (RFC 9112, sections 2.2, 5.2, 6.3, 11.2).

/// How the end of a body is known (RFC 9112, section 6.3).
enum HTTPBodyFraming: Equatable {
    case none
    case fixed(Int)
    case chunked
    case untilClose
}

/// Bytes to the parts of one HTTP/1.1 message after the other. Holds one line at most.
struct HTTPMessageParser {
    enum Part: Equatable {
        /// `frame(_:)` must be called before the next part is asked for.
        case head(startLine: [UInt8], HTTPHeaders)
        case body(ByteBuffer)
        case end
    }

    private enum State {
        /// Nothing of a message has been taken. → fields
        case startLine
        /// → framing
        case fields([UInt8], HTTPHeaders)
        /// The head was handed out. → fixed, chunkSize, untilClose, end
        case framing
        /// → end
        case fixed(remaining: Int)
        /// → chunk, trailers
        case chunkSize
        /// → chunkEnd
        case chunk(remaining: Int)
        /// The line end behind a chunk. → chunkSize
        case chunkEnd
        /// → end
        case trailers(count: Int)
        /// → end, by `connectionClosed`
        case untilClose
        /// The end is handed out next. → complete
        case end
        /// → startLine, by `restart`
        case complete
    }

    /// The longest line of a chunk's size with its extensions.
    private static let chunkLineBytes = 1024

    private let limits: HTTPLimits
    private var state = State.startLine
    private var buffer = ByteBuffer()
    /// Bytes of `buffer` that are known to have no line end.
    private var scanned = 0
    private var headBytes = 0
    private var bodyBytes = 0
    /// Bytes of the connection taken out of `buffer`.
    private(set) var offset = 0

    init(limits: HTTPLimits) { self.limits = limits }

    var isBetweenMessages: Bool {
        if case .startLine = state { return buffer.readableBytes == 0 }
        return false
    }

    mutating func receive(_ bytes: ByteBuffer) {
        if buffer.readableBytes == 0 {
            buffer = bytes
        } else {
            buffer.discardReadBytes()
            buffer.writeImmutableBuffer(bytes)
        }
    }

    /// Looks at what was received and not taken.
    func peek<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        buffer.withUnsafeReadableBytes(body)
    }

    /// What came behind the message; the parser forgets it.
    mutating func takeRest() -> ByteBuffer {
        defer { buffer = ByteBuffer() }
        return buffer
    }

    mutating func restart() {
        (state, headBytes, bodyBytes, scanned) = (.startLine, 0, 0, 0)
    }

    /// The answer to `.head`.
    mutating func frame(_ framing: HTTPBodyFraming) throws(HTTPError) {
        switch framing {
        case .none: state = .end
        case .fixed(let count):
            guard count <= limits.bodyBytes else { throw error(.bodyTooLong(limitBytes: limits.bodyBytes)) }
            state = count == 0 ? .end : .fixed(remaining: count)
        case .chunked: state = .chunkSize
        case .untilClose: state = .untilClose
        }
    }

    /// The next part, or nil when more bytes are needed.
    mutating func next() throws(HTTPError) -> Part? {
        while true {
            switch state {
            case .startLine:
                guard let line = try headLine() else { return nil }
                // An empty line before a request is to be ignored (RFC 9112, section 2.2); it counts as head.
                if !line.isEmpty { state = .fields(line, HTTPHeaders()) }
            case .fields(let startLine, var headers):
                guard let line = try headLine() else { return nil }
                guard !line.isEmpty else {
                    state = .framing
                    return .head(startLine: startLine, headers)
                }
                try Self.add(line, to: &headers, limits: limits, offset: offset)
                state = .fields(startLine, headers)
            case .framing, .complete: return nil
            case .fixed(let remaining):
                guard let piece = buffer.readSlice(length: min(remaining, buffer.readableBytes)),
                    piece.readableBytes > 0
                else { return nil }
                offset += piece.readableBytes
                state = piece.readableBytes == remaining ? .end : .fixed(remaining: remaining - piece.readableBytes)
                return .body(piece)
            case .chunkSize:
                guard let line = try line(limit: Self.chunkLineBytes, .badChunk) else { return nil }
                let size = try chunkSize(line)
                headBytes = 0
                state = size == 0 ? .trailers(count: 0) : .chunk(remaining: size)
            case .chunk(let remaining):
                guard let piece = buffer.readSlice(length: min(remaining, buffer.readableBytes)),
                    piece.readableBytes > 0
                else { return nil }
                offset += piece.readableBytes
                let rest = remaining - piece.readableBytes
                state = rest == 0 ? .chunkEnd : .chunk(remaining: rest)
                return .body(piece)
            case .chunkEnd:
                guard let line = try line(limit: 2, .badChunk) else { return nil }
                guard line.isEmpty else { throw error(.badChunk) }
                state = .chunkSize
            case .trailers(let count):
                guard let line = try headLine() else { return nil }
                if line.isEmpty {
                    state = .end
                } else {
                    // Checked as fields are, and dropped: nothing here has a use for them.
                    guard count < limits.fieldCount else { throw error(.tooManyFields(limit: limits.fieldCount)) }
                    var dropped = HTTPHeaders()
                    try Self.add(line, to: &dropped, limits: limits, offset: offset)
                    state = .trailers(count: count + 1)
                }
            case .untilClose:
                guard buffer.readableBytes > 0 else { return nil }
                let piece = takeRest()
                offset += piece.readableBytes
                try countBody(piece.readableBytes)
                return .body(piece)
            case .end:
                state = .complete
                return .end
            }
        }
    }

    /// The peer will send nothing more. True where that ends a body as it should.
    mutating func connectionClosed() throws(HTTPError) -> Bool {
        switch state {
        case .startLine:
            throw error(headBytes + buffer.readableBytes == 0 ? .noAnswer : .cutHead)
        case .fields, .framing: throw error(.cutHead)
        case .fixed, .chunkSize, .chunk, .chunkEnd, .trailers: throw error(.cutBody)
        case .untilClose:
            state = .end
            return true
        case .end, .complete: return false
        }
    }

    // MARK: - Lines

    /// A line of the head, counted against its limit.
    private mutating func headLine() throws(HTTPError) -> [UInt8]? {
        let before = offset
        let line = try line(limit: limits.headBytes - headBytes, .headTooLong(limitBytes: limits.headBytes))
        headBytes += offset - before
        return line
    }

    /// A line without its end, or nil when it is not complete. A line longer than `limit` with its end is the error `code`.
    private mutating func line(limit: Int, _ code: HTTPError.Code) throws(HTTPError) -> [UInt8]? {
        let (scanned, limit) = (self.scanned, limit)
        let found = buffer.withUnsafeReadableBytes { bytes in
            bytes[min(scanned, bytes.count)...].firstIndex(of: 0x0A)
        }
        guard let end = found else {
            guard buffer.readableBytes < limit else { throw error(code) }
            self.scanned = buffer.readableBytes
            return nil
        }
        guard end < limit else { throw error(code) }
        self.scanned = 0
        guard var line = buffer.readBytes(length: end + 1), end > 0, line[end - 1] == 0x0D else {
            throw error(.badLineEnd)
        }
        line.removeLast(2)
        guard !line.contains(0x0D) else { throw error(.badLineEnd) }
        offset += end + 1
        return line
    }

    /// One line as a field (RFC 9112, section 5).
    private static func add(
        _ line: [UInt8], to headers: inout HTTPHeaders, limits: HTTPLimits, offset: Int
    ) throws(HTTPError) {
        let start = offset - line.count - 2
        guard headers.fields.count < limits.fieldCount else {
            throw HTTPError(.tooManyFields(limit: limits.fieldCount), offset: start)
        }
        if line[0] == 0x20 || line[0] == 0x09 { throw HTTPError(.foldedField, offset: start) }
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), HTTPSyntax.isToken(line[..<colon]) else {
            throw HTTPError(.badFieldName, offset: start)
        }
        let value = line[(colon + 1)...]
        guard HTTPSyntax.isFieldValue(value) else { throw HTTPError(.badFieldValue, offset: start + colon + 1) }
        let text = value.withUnsafeBytes { String(decoding: HTTPSyntax.trimmed($0), as: UTF8.self) }
        headers.add(String(decoding: line[..<colon], as: UTF8.self), text)
    }

    // MARK: - Bodies

    /// Digits of a chunk's size; extensions behind a semicolon are allowed and mean nothing (RFC 9112, section 7.1.1).
    private mutating func chunkSize(_ line: [UInt8]) throws(HTTPError) -> Int {
        let digits = line.prefix { $0 != UInt8(ascii: ";") }
        guard (1...15).contains(digits.count), HTTPSyntax.isFieldValue(line) else { throw error(.badChunk) }
        var size = 0
        for digit in digits {
            guard let value = Hex.value(digit) else { throw error(.badChunk) }
            size = size << 4 | Int(value)
        }
        try countBody(size)
        return size
    }

    private mutating func countBody(_ count: Int) throws(HTTPError) {
        guard count <= limits.bodyBytes - bodyBytes else { throw error(.bodyTooLong(limitBytes: limits.bodyBytes)) }
        bodyBytes += count
    }

    private func error(_ code: HTTPError.Code) -> HTTPError { HTTPError(code, offset: offset) }

    // MARK: - Rules of both directions

    /// The framing that the fields ask for; nil when they say nothing (RFC 9112, section 6.3).
    static func framing(_ headers: HTTPHeaders, minorVersion: Int) throws(HTTPError.Code) -> HTTPBodyFraming? {
        let lengths = headers.all("Content-Length")
        if headers.contains("Transfer-Encoding") {
            guard lengths.isEmpty else { throw .lengthAndTransferEncoding }
            let codings = headers.members("Transfer-Encoding")
            // A client of version 1.0 knows no codings (RFC 9112, section 6.1).
            guard minorVersion == 1, codings.count == 1, HTTPSyntax.equal(codings[0], "chunked") else {
                throw .unsupportedTransferEncoding
            }
            return .chunked
        }
        guard lengths.count < 2 else { throw .repeatedContentLength }
        guard let text = lengths.first else { return nil }
        guard let length = HTTPSyntax.decimal(Array(text.utf8)) else { throw .badContentLength }
        return .fixed(length)
    }

    /// 0 or 1 for `HTTP/1.0` and `HTTP/1.1`.
    static func minorVersion(_ text: ArraySlice<UInt8>) throws(HTTPError.Code) -> Int {
        guard text.starts(with: "HTTP/".utf8) else { throw .badStartLine }
        switch text.dropFirst(5) {
        case [0x31, 0x2E, 0x31]: return 1
        case [0x31, 0x2E, 0x30]: return 0
        default: throw .unsupportedVersion
        }
    }
}
