import NIOCore
import TestSupport
import Testing
import WireProtocols

@Suite("Refusals of a Socket.IO server")
struct SocketIORefusalTests {
    typealias Cause = SocketIORefusal.Cause

    struct Row: Sendable, CustomTestStringConvertible {
        var status: Int
        var body: String
        var cause: Cause
        var code: Int?
        var text: String?

        var testDescription: String { "\(status) \(body)" }
    }

    /// Note, sections 2.7 and 2.11, and the bodies of the recordings.
    static let rows = [
        Row(
            status: 400, body: "{\"code\":0,\"message\":\"Transport unknown\"}", cause: .transportUnknown, code: 0,
            text: "Transport unknown"),
        Row(
            status: 400, body: "{\"code\":1,\"message\":\"Session ID unknown\"}", cause: .unknownSession, code: 1,
            text: "Session ID unknown"),
        Row(
            status: 400, body: "{\"code\":2,\"message\":\"Bad handshake method\"}", cause: .badRequest, code: 2,
            text: "Bad handshake method"),
        Row(
            status: 400, body: "{\"code\":3,\"message\":\"Bad request\"}", cause: .badRequest, code: 3,
            text: "Bad request"),
        Row(
            status: 403, body: "{\"code\":4,\"message\":\"Forbidden\"}", cause: .unauthorized, code: 4,
            text: "Forbidden"),
        Row(
            status: 400, body: "{\"code\":5,\"message\":\"Unsupported protocol version\"}", cause: .wrongVersion,
            code: 5, text: "Unsupported protocol version"),
        Row(
            status: 400, body: "\"The client is using an unsupported version of the Socket.IO or Engine.IO protocols\"",
            cause: .wrongVersion,
            text: "The client is using an unsupported version of the Socket.IO or Engine.IO protocols"),
        Row(status: 400, body: "\"Invalid transport\"", cause: .transportUnknown, text: "Invalid transport"),
        Row(
            status: 400, body: "\"Invalid session nosuchsid\"", cause: .unknownSession,
            text: "Invalid session nosuchsid"),
        Row(status: 400, body: "", cause: .badRequest, text: ""),
        Row(status: 401, body: "\"Not authorized\"", cause: .unauthorized, text: "Not authorized"),
        Row(status: 404, body: "404: Not Found", cause: .wrongPath, text: "404: Not Found"),
        Row(status: 200, body: "<html>", cause: .wrongPath, text: "<html>"),
        Row(status: 301, body: "", cause: .wrongPath, text: ""),
        Row(status: 200, body: "Welcome to socket.io.", cause: .socketIO09, text: "Welcome to socket.io."),
        Row(
            status: 500, body: "Protocol version not supported.", cause: .socketIO09,
            text: "Protocol version not supported."),
        Row(status: 500, body: "Internal", cause: .unavailable, text: "Internal"),
        Row(status: 502, body: "", cause: .unavailable, text: ""),
        Row(status: 429, body: "", cause: .unavailable, text: ""),
        Row(status: 451, body: "", cause: .other, text: ""),
    ]

    // Note, section 5, statement 5.
    @Test("An answer over HTTP means what the table says, with status, code and words", arguments: rows)
    func table(_ row: Row) {
        let refusal = SocketIORefusal(Self.http(row.status, row.body))
        #expect(refusal == SocketIORefusal(row.cause, status: row.status, code: row.code, text: row.text ?? ""))
        #expect("\(refusal)".contains("HTTP \(row.status)"))
        if let code = row.code { #expect("\(refusal)".contains("code \(code)")) }
        #expect(refusal.isLasting == (row.cause != .unavailable))
    }

    @Test("Every cause has a sentence of its own, and advice")
    func sentences() {
        let sentences = Cause.allCases.map { "\(SocketIORefusal($0))" }
        #expect(Set(sentences).count == sentences.count)
        for sentence in sentences { #expect(sentence.split(separator: ":").count == 2, "\(sentence)") }
    }

    // Note, section 5, statement 5.
    @Test("Of the words the first 200 characters are kept, on one line")
    func excerpt() {
        let text = "a\r\nb\u{1b}[31m\u{202e}" + String(repeating: "€", count: 300)
        let refusal = SocketIORefusal(Self.http(404, text))
        #expect(refusal.text.hasPrefix("a b [31m €"))
        #expect(refusal.text.unicodeScalars.count <= 200)
    }

    @Test("Secrets are not repeated, wherever the server puts them")
    func secrets() {
        let body = "{\"code\":3,\"message\":\"cannot GET /socket.io/?token=a%2Fbcd and a/bcd and x\"}"
        let refusal = SocketIORefusal(Self.http(400, body), hiding: ["a/bcd", "a%2Fbcd", "x"])
        #expect(refusal.text == "cannot GET /socket.io/?token=*** and *** and x")
    }

    @Test("The reference server's refusal behind a 101 is read as the answer that it is")
    func behindUpgrade() throws {
        let text =
            "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-type: text/html\r\nContent-Length: 28\r\n\r\n"
            + "Unsupported protocol version"
        let refusal = try #require(SocketIORefusal(http: text))
        #expect(refusal == SocketIORefusal(.wrongVersion, status: 400, text: "Unsupported protocol version"))
        #expect(SocketIORefusal(http: "HTTP/1.1 400 Bad Re") == nil)
        #expect(SocketIORefusal(http: "SSH-2.0") == nil)
    }

    @Test("HTTP text behind a 101 is told as such, with its beginning")
    func behindUpgradeOnTheStream() {
        let peer = WebSocketPeer(.client)
        peer.feed(Array("HTTP/1.1 400 Bad Request\r\n\r\nUnsupported protocol version".utf8))
        #expect(peer.seen.count == 1)
        #expect(peer.seen.first?.contains("HTTP/1.1 400 Bad Request") == true, "\(peer.seen)")
    }

    private static func http(_ status: Int, _ body: String) -> HTTPRefusal {
        HTTPRefusal(head: HTTPResponseHead(status: status), body: Array(body.utf8))
    }
}

@Suite("Choice of the Socket.IO generation")
struct SocketIOVersionChoiceTests {
    static let wrongVersion = SocketIOError.refused(SocketIORefusal(.wrongVersion, status: 400))
    static let older = SocketIOError.refused(SocketIORefusal(.olderServer))
    static let token = SocketIOError.refused(SocketIORefusal(.unauthorized, status: 401))
    static let dropped = SocketIOError.endedBeforeOpening("closed")

    @Test(
        "What is asked for first",
        arguments: [
            (SocketIOVersionPolicy.auto, nil, EngineIOVersion.v3), (.auto, .v3, .v3), (.auto, .v4, .v4),
            (.eio3, nil, .v3), (.eio3, .v4, .v3), (.eio4, nil, .v4), (.eio4, .v3, .v3),
        ] as [(SocketIOVersionPolicy, EngineIOVersion?, EngineIOVersion)])
    func first(_ policy: SocketIOVersionPolicy, _ known: EngineIOVersion?, _ version: EngineIOVersion) {
        let choice = SocketIOVersionChoice(policy, known: known)
        #expect(choice.version == version)
        #expect(!choice.isFallback)
    }

    static let fallbacks: [(SocketIOVersionPolicy, EngineIOVersion?, SocketIOError, EngineIOVersion?)] = [
        (.auto, nil, wrongVersion, .v4), (.auto, nil, dropped, .v4), (.auto, .v4, wrongVersion, .v3),
        (.auto, .v4, older, .v3), (.auto, nil, .refused(SocketIORefusal(.badRequest, status: 400)), .v4),
        (.auto, nil, token, nil), (.auto, nil, .refused(SocketIORefusal(.wrongPath, status: 404)), nil),
        (.auto, nil, .refused(SocketIORefusal(.unavailable, status: 503)), nil),
        (.auto, nil, .timedOut(.openPacket, after: .seconds(10)), nil), (.auto, nil, .silent(for: .seconds(1)), nil),
        (.auto, nil, .disconnected, nil), (.auto, nil, .closed, nil), (.auto, nil, .violation(.emptyPacket), nil),
        (.eio3, nil, wrongVersion, nil), (.eio3, nil, dropped, nil), (.eio4, nil, wrongVersion, nil),
        (.eio4, nil, older, .v3), (.eio4, .v3, wrongVersion, .v4),
    ]

    @Test("The other generation is asked for where the answer suggests it, and nowhere else", arguments: fallbacks)
    func fallback(
        _ policy: SocketIOVersionPolicy, _ known: EngineIOVersion?, _ error: SocketIOError, _ next: EngineIOVersion?
    ) {
        var choice = SocketIOVersionChoice(policy, known: known)
        #expect(choice.failed(error) == next.map { .ask($0) } ?? .giveUp(error))
        #expect(choice.isFallback == (next != nil))
    }

    @Test("Refused in both: one error that names both answers, and no third attempt")
    func both() {
        var choice = SocketIOVersionChoice(.auto)
        #expect(choice.failed(Self.wrongVersion) == .ask(.v4))
        guard case .giveUp(let error) = choice.failed(Self.dropped) else {
            Issue.record("asked again")
            return
        }
        #expect("\(error)".contains("to Engine.IO 3 the server does not speak"))
        #expect("\(error)".contains("to Engine.IO 4 the connection ended"))
        #expect(error.isRefusal)
    }

    @Test("A definite answer to the second is the answer")
    func second() {
        var choice = SocketIOVersionChoice(.auto)
        #expect(choice.failed(Self.wrongVersion) == .ask(.v4))
        #expect(choice.failed(Self.token) == .giveUp(Self.token))
    }
}
