import Codecs
import NIOCore

/// A server that does not want us, as exactly as it can be told (note, section 2.7). Printed as one sentence with advice.
public struct SocketIORefusal: Error, Equatable, Sendable {
    /// Told apart because somebody else has to change something else.
    public enum Cause: String, Sendable, Hashable, CaseIterable {
        case wrongVersion = "wrong_version"
        /// CONNECT came unasked although Engine.IO 4 was asked for: the server is of 1.x or 2.x.
        case olderServer = "older_server"
        case unauthorized
        case wrongPath = "wrong_path"
        case unknownNamespace = "unknown_namespace"
        /// The application refused CONNECT.
        case connectRefused = "connect_refused"
        case plainWebSocket = "plain_websocket"
        case socketIO09 = "socket_io_0_9"
        case transportUnknown = "transport_unknown"
        case unknownSession = "unknown_session"
        case badRequest = "bad_request"
        /// The server, or what stands before it, is not ready.
        case unavailable
        case other
    }

    public var cause: Cause
    /// Of HTTP.
    public var status: Int?
    /// Of Engine.IO, or what the application put beside its message.
    public var code: Int?
    /// What the server said, its first 200 characters, printable.
    public var text: String

    static let textLength = 200

    public init(_ cause: Cause, status: Int? = nil, code: Int? = nil, text: String = "") {
        (self.cause, self.status, self.code) = (cause, status, code)
        self.text = Self.excerpt(text)
    }

    /// The same request would be answered the same until somebody changes something.
    public var isLasting: Bool { cause != .unavailable }

    var suggestsOtherVersion: Bool {
        switch cause {
        case .wrongVersion, .olderServer, .badRequest: true
        case .unauthorized, .wrongPath, .unknownNamespace, .connectRefused, .plainWebSocket, .socketIO09,
            .transportUnknown, .unknownSession, .unavailable, .other:
            false
        }
    }

    /// Servers may repeat what they were asked.
    public static func hide(_ secrets: [String], in text: String) -> String {
        secrets.reduce(text) { $1.utf8.count < 4 ? $0 : $0.replacing($1, with: "***") }
    }

    private static func excerpt(_ text: String) -> String {
        var shown = ""
        for scalar in text.unicodeScalars.prefix(textLength) {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned, .surrogate:
                shown += shown.last == " " ? "" : " "
            default: shown.unicodeScalars.append(scalar)
            }
        }
        return shown
    }
}

// MARK: - From an answer over HTTP

extension SocketIORefusal {
    /// What a status and a body mean where a WebSocket was asked for.
    public init(_ refusal: HTTPRefusal, hiding secrets: [String] = []) {
        self.init(status: refusal.status, body: refusal.body, hiding: secrets)
    }

    private init(status: Int, body: [UInt8], hiding secrets: [String]) {
        let text = String(decoding: body, as: UTF8.self)
        let document = try? JSONDocument(body, limits: JSONLimits(bytes: HTTPRefusal.bodyBytes, depth: 8))
        let message = document.flatMap { $0.root.string ?? $0.root["message"]?.string }
        let code = document?.root["code"]?.numberText.flatMap { Int($0) }
        self.init(
            Self.cause(status: status, code: code, text: message ?? text), status: status, code: code,
            text: Self.hide(secrets, in: message ?? text))
    }

    /// An answer over HTTP that came behind a 101; nil where it is none.
    public init?(http text: String, hiding secrets: [String] = []) {
        var parser = HTTPResponseParser()
        parser.expect(method: "GET")
        parser.receive(ByteBuffer(string: text))
        var status: Int?
        var body: [UInt8] = []
        while let part = try? parser.next() {
            switch part {
            case .head(let head): status = head.status
            case .body(let bytes): body += Array(bytes.readableBytesView)
            case .end: break
            }
        }
        guard let status else { return nil }
        self.init(status: status, body: body, hiding: secrets)
    }

    private static func cause(status: Int, code: Int?, text: String) -> Cause {
        if isSocketIO09(status: status, text: text) { return .socketIO09 }
        switch status {
        case 400: return badRequest(code: code, text: text)
        case 401, 403, 407: return .unauthorized
        case 200..<400, 404, 405, 410: return .wrongPath
        case 408, 425, 429, 500...599: return .unavailable
        default: return .other
        }
    }

    /// The table of Engine.IO's servers; python-engineio has words alone.
    private static func badRequest(code: Int?, text: String) -> Cause {
        switch code {
        case 0: .transportUnknown
        case 1: .unknownSession
        case 4: .unauthorized
        case 5: .wrongVersion
        case 2, 3: .badRequest
        default:
            if contains(text, "unsupported version") || contains(text, "unsupported protocol version") {
                .wrongVersion
            } else if contains(text, "invalid transport") {
                .transportUnknown
            } else if contains(text, "invalid session") {
                .unknownSession
            } else {
                .badRequest
            }
        }
    }

    /// What 0.9 answers to the path of its successors (its lib/manager.js).
    static func isSocketIO09(status: Int, text: String) -> Bool {
        switch status {
        case 200: contains(text, "welcome to socket.io.")
        case 500: contains(text, "protocol version not supported.")
        default: false
        }
    }

    private static func contains(_ text: String, _ words: String) -> Bool { text.lowercased().contains(words) }
}

// MARK: - From a packet

extension SocketIORefusal {
    /// CONNECT_ERROR (protocol 5: an object, of python-socketio also a string) or ERROR (protocol 4: any JSON, or none).
    init(_ payload: JSONValue?, namespace: String, hiding secrets: [String]) {
        let message = payload?.string ?? payload?["message"]?.string
        let text = message ?? payload.map { String(decoding: $0.source, as: UTF8.self) } ?? ""
        let code = payload?["data"]?["code"]?.numberText.flatMap { Int($0) }
        let isUnknown =
            Self.contains(text, "invalid namespace") || (namespace != "/" && Self.contains(text, "unable to connect"))
        self.init(isUnknown ? .unknownNamespace : .connectRefused, code: code, text: Self.hide(secrets, in: text))
    }

    /// What came first on a WebSocket, where an open packet should.
    init(insteadOfOpening message: WebSocketMessage, hiding secrets: [String]) {
        switch message {
        case .text(let bytes):
            self.init(.plainWebSocket, text: Self.hide(secrets, in: String(buffer: bytes.prefix(1024))))
        case .binary(let bytes): self.init(.plainWebSocket, text: "\(bytes.readableBytes) bytes")
        }
    }
}

extension ByteBuffer {
    /// The first so many bytes.
    func prefix(_ count: Int) -> ByteBuffer { getSlice(at: readerIndex, length: min(count, readableBytes)) ?? self }
}

extension SocketIORefusal: CustomStringConvertible {
    public var description: String { "\(fact)\(said): \(advice)" }

    private var fact: String {
        switch cause {
        case .wrongVersion: "the server does not speak this generation of Socket.IO"
        case .olderServer: "the server is of Socket.IO 1.x or 2.x, which does not speak Engine.IO 4"
        case .unauthorized: "the server does not let us in"
        case .wrongPath: "there is no Socket.IO server at this path"
        case .unknownNamespace: "the server does not know the namespace"
        case .connectRefused: "the server's application refused the connection"
        case .plainWebSocket: "the server speaks WebSocket, but no Socket.IO"
        case .socketIO09: "the server looks like Socket.IO 0.9, which is not supported"
        case .transportUnknown: "the server does not take WebSockets"
        case .unknownSession: "the server does not know the session"
        case .badRequest: "the server did not understand the request"
        case .unavailable: "the server is not ready"
        case .other: "the server refused"
        }
    }

    private var said: String {
        var parts: [String] = []
        if let status { parts.append("HTTP \(status)") }
        if let code { parts.append("code \(code)") }
        if !text.isEmpty { parts.append("\"\(text)\"") }
        return parts.isEmpty ? "" : " (\(parts.joined(separator: ", ")))"
    }

    private var advice: String {
        switch cause {
        case .wrongVersion: "set protocol to auto, or to the other version"
        case .olderServer: "set protocol to auto or eio3"
        case .unauthorized: "correct the token, the credentials or the query"
        case .wrongPath: "check host, port and path"
        case .unknownNamespace: "correct the namespace"
        case .connectRefused: "correct the token or what else the application asks for, and look into its log"
        case .plainWebSocket: "check host, port and path"
        case .socketIO09: "update the server's socket.io module to 1.x or newer"
        case .transportUnknown: "allow the transport websocket on the server"
        case .unknownSession: "look for a load balancer that spreads one session over several servers"
        case .badRequest: "check path, query and protocol"
        case .unavailable: "look whether it runs; it is tried again"
        case .other: "check the URL, and look into the server's log"
        }
    }
}
