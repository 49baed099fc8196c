@testable import Codecs
import NIOCore
import Testing

@testable import WireProtocols

@Suite("SignalR: negotiate")
struct SignalRNegotiationTests {
    private static let token = HTTPCredentials.bearer(Array("tok.en/1+2=".utf8))
    private static let v1 =
        #"{"negotiateVersion":1,"connectionId":"public","connectionToken":"secret","availableTransports":"#
        + #"[{"transport":"WebSockets","transferFormats":["Text","Binary"]}]}"#

    private func negotiation(
        _ url: String = "wss://hub/rte?own=q", placement: AccessTokenPlacement = .header, skips: Bool = false,
        redirectLimit: Int = 100
    ) throws -> SignalRNegotiation {
        SignalRNegotiation(
            try #require(HubURL(url)), credentials: Self.token, placement: placement, skipsNegotiation: skips,
            redirectLimit: redirectLimit)
    }

    private func answer(
        _ negotiation: inout SignalRNegotiation, _ body: String, status: Int = 200, headers: HTTPHeaders = [:]
    ) throws(SignalRNegotiationError) -> SignalRNegotiation.Step {
        try negotiation.receive(HTTPResponseHead(status: status, headers: headers), body: ByteBuffer(string: body))
    }

    private func request(_ step: SignalRNegotiation.Step) throws -> SignalRNegotiation.Request {
        guard case .request(let request) = step else { throw Unexpected(step: "\(step)") }
        return request
    }

    private func socket(_ step: SignalRNegotiation.Step) throws -> HubSocketRequest {
        guard case .connect(let socket) = step else { throw Unexpected(step: "\(step)") }
        return socket
    }

    private struct Unexpected: Error { let step: String }

    @Test(
        "The request is a POST to the hub's path and query, with the token in its header and a mark against login pages"
    )
    func firstRequest() throws {
        for placement in [AccessTokenPlacement.header, .query] {
            let request = try request(negotiation(placement: placement).begin())
            #expect(request.url == HTTPURL("https://hub/rte/negotiate?own=q&negotiateVersion=1"))
            #expect(request.headers == ["X-Requested-With": "XMLHttpRequest"])
            #expect(request.credentials == Self.token)
        }
    }

    @Test(
        "An answer of either version leads to the WebSocket with its id, encoded, and a name for logs where one is public",
        arguments: [
            (v1, "secret", "public"),
            (#"{"negotiateVersion":0,"connectionId":"one"}"#, "one", nil),
            (#"{"connectionId":"MTIz=="}"#, "MTIz%3D%3D", nil),
            (#"{"connectionId":"a+/= &?#ü"}"#, "a%2B%2F%3D%20%26%3F%23%C3%BC", nil),
            (#"{"NEGOTIATEVERSION":1,"CONNECTIONID":"P","ConnectionToken":"S"}"#, "S", "P"),
            (#"{"negotiateVersion":2,"connectionId":"P","connectionToken":"S"}"#, "S", "P"),
            (#"{"negotiateVersion":1,"connectionToken":"S"}"#, "S", nil),
            // An old server that knows no tokens, whatever else is in the answer.
            (#"{"connectionId":"one","connectionToken":"two"}"#, "one", nil),
            (#"{"connectionId":"one","url":null,"error":null,"accessToken":null,"ProtocolVersion":null}"#, "one", nil),
            (#"{"connectionId":"one","url":""}"#, "one", nil),
            (#"{"connectionId":"one","tokenLifetimeSeconds":60,"useStatefulReconnect":false,"x":[{}]}"#, "one", nil),
            (#"{"connectionId":"one","availableTransports":[]}"#, nil, nil),
            (#"{"connectionId":"one","availableTransports":[{"transport":"webSockets"}]}"#, "one", nil),
            (
                #"{"connectionId":"one","availableTransports":[{"transport":"LongPolling","transferFormats":["Text"]},"#
                    + #"{"transport":"WebSockets","transferFormats":["Text"]}]}"#, "one", nil
            ),
            (" \r\n{\"connectionId\":\"one\"}\n", "one", nil),
        ] as [(String, String?, String?)])
    func answers(body: String, id: String?, name: String?) throws {
        for contentType in ["application/json", "text/plain; charset=utf-8", "text/html", ""] {
            var negotiation = try negotiation()
            guard let id else {
                #expect(throws: SignalRNegotiationError.noWebSockets(offered: [])) {
                    try answer(&negotiation, body, headers: ["Content-Type": contentType])
                }
                continue
            }
            let socket = try socket(answer(&negotiation, body, headers: ["Content-Type": contentType]))
            #expect(socket.url == HTTPURL("https://hub/rte?own=q&id=\(id)"))
            #expect(socket.connectionID == name)
            #expect(socket.credentials == Self.token)
            #expect(socket.step == .connect)
        }
    }

    @Test(
        "An answer that leads to no WebSocket is told from the others, with what to do about it",
        arguments: [
            (#"{"error":"no such version"}"#, .declined("no such version"), .refuse),
            (#"{"error":"full","connectionId":"x"}"#, .declined("full"), .refuse),
            (#"{"ProtocolVersion":"1.5","ConnectionId":"x"}"#, .classicSignalR(version: "1.5"), .refuse),
            (#"{"protocolVersion":1.5,"Url":"/signalr"}"#, .classicSignalR(version: "1.5"), .refuse),
            ("<!DOCTYPE html><html>", .webPage, .renewToken), (" \n<html>", .webPage, .renewToken),
            ("\u{FEFF}<html>", .webPage, .renewToken),
            ("", .notSignalR(JSONError(reason: .unexpectedEnd, offset: 0)), .refuse),
            ("{\"connectionId\":", .notSignalR(JSONError(reason: .unexpectedEnd, offset: 16)), .refuse),
            ("[]", .notSignalR(nil), .refuse), ("\"x\"", .notSignalR(nil), .refuse),
            (String(repeating: "[", count: 1000), .notSignalR(JSONError(reason: .tooDeep, offset: 16)), .refuse),
            ("{}", .noConnectionID, .backOff), (#"{"connectionId":""}"#, .noConnectionID, .backOff),
            (#"{"connectionId":7}"#, .noConnectionID, .backOff),
            (#"{"negotiateVersion":1,"connectionId":"public"}"#, .noConnectionID, .backOff),
            (#"{"connectionId":"x","useStatefulReconnect":true}"#, .statefulReconnect, .refuse),
            (
                #"{"connectionId":"x","availableTransports":[{"transport":"LongPolling"},{"transport":"ServerSentEvents"}]}"#,
                .noWebSockets(offered: ["LongPolling", "ServerSentEvents"]), .refuse
            ),
            (
                #"{"connectionId":"x","availableTransports":[{"transport":"WebSockets","transferFormats":["Binary"]}]}"#,
                .noWebSockets(offered: ["WebSockets"]), .refuse
            ),
            (#"{"url":"ftp://x/y"}"#, .badRedirect, .refuse), (#"{"url":"https://"}"#, .badRedirect, .refuse),
            (#"{"url":"https://h/","accessToken":"a b"}"#, .badRedirectToken, .refuse),
        ] as [(String, SignalRNegotiationError, SignalRReaction)])
    func failures(body: String, error: SignalRNegotiationError, reaction: SignalRReaction) throws {
        var negotiation = try negotiation()
        #expect(throws: error) { try answer(&negotiation, body) }
        #expect(error.reaction == reaction)
        #expect(!"\(error)".isEmpty && !"\(error)".contains("tok.en"))
    }

    @Test(
        "Any status but 200 is a refusal, read as the table of statuses says",
        arguments: [401, 403, 404, 302, 429, 500])
    func statuses(status: Int) throws {
        var negotiation = try negotiation()
        let error = try #require(throws: SignalRNegotiationError.self) {
            try answer(&negotiation, Self.v1, status: status, headers: ["Retry-After": "5"])
        }
        guard case .refused(let refusal) = error else { throw Unexpected(step: "\(error)") }
        #expect(refusal.step == .negotiate)
        #expect(refusal.refusal.status == status)
        #expect(error.reaction == SignalRStatus.reaction(to: status, at: .negotiate))
        #expect(refusal.retryAfter == (status == 429 ? .seconds(5) : nil))
    }

    @Test("A redirect is asked where it leads, with its own token, until it gives an id")
    func redirect() throws {
        var negotiation = try negotiation()
        let other = HTTPCredentials.bearer(Array("other".utf8))
        let second = try request(
            answer(&negotiation, #"{"url":"https://cloud:8443/client/?hub=rte&x=a%20b","accessToken":"other"}"#))
        #expect(second.url == HTTPURL("https://cloud:8443/client/negotiate?hub=rte&x=a%20b&negotiateVersion=1"))
        #expect(second.credentials == other)
        #expect(second.headers.first("X-Requested-With") == "XMLHttpRequest")
        // The next one has no token of its own, and so the one before goes on.
        let third = try request(answer(&negotiation, #"{"url":"/elsewhere"}"#))
        #expect(third.url == HTTPURL("https://cloud:8443/elsewhere/negotiate?negotiateVersion=1"))
        #expect(third.credentials == other)
        #expect(negotiation.redirects == 2)
        let socket = try socket(answer(&negotiation, Self.v1))
        #expect(socket.url == HTTPURL("https://cloud:8443/elsewhere?id=secret"))
        #expect(socket.credentials == other)
    }

    @Test("The attempt after a redirect begins at the hub's own URL with its own token")
    func redirectIsForgotten() throws {
        let hub = try #require(HubURL("https://hub/rte"))
        for _ in 0..<2 {
            var attempt = SignalRNegotiation(hub, credentials: Self.token)
            let first = try request(attempt.begin())
            #expect(first.url == HTTPURL("https://hub/rte/negotiate?negotiateVersion=1"))
            #expect(first.credentials == Self.token)
            _ = try answer(&attempt, #"{"url":"wss://cloud/x","accessToken":"other"}"#)
            #expect(try socket(answer(&attempt, Self.v1)).url == HTTPURL("https://cloud/x?id=secret"))
        }
    }

    @Test("Redirects without end are left at the limit; one from https to http is not followed")
    func redirectLimits() throws {
        for limit in [0, 1, 100] {
            var negotiation = try negotiation(redirectLimit: limit)
            for _ in 0..<limit { _ = try answer(&negotiation, #"{"url":"https://again/"}"#) }
            #expect(throws: SignalRNegotiationError.tooManyRedirects(limit: limit)) {
                try answer(&negotiation, #"{"url":"https://again/"}"#)
            }
        }
        for url in ["http://plain/x", "ws://plain/x"] {
            var negotiation = try negotiation()
            let error = try #require(throws: SignalRNegotiationError.self) {
                try answer(&negotiation, "{\"url\":\"\(url)\",\"accessToken\":\"other\"}")
            }
            #expect("\(error)".hasPrefix("negotiate leads from https to http://plain, which"))
        }
        var plain = try negotiation("ws://hub/rte")
        #expect(try request(answer(&plain, #"{"url":"http://plain/x"}"#)).url.isSecure == false)
    }

    @Test("Skipping negotiate opens the WebSocket at once, without an id")
    func skipping() throws {
        let direct = try socket(negotiation(skips: true).begin())
        #expect(direct.url == HTTPURL("https://hub/rte?own=q"))
        #expect(direct.credentials == Self.token)
        #expect(direct.step == .connectDirectly)
        #expect(direct.connectionID == nil)
        let query = try socket(negotiation(placement: .query, skips: true).begin())
        #expect(query.url == HTTPURL("https://hub/rte?own=q&access_token=tok.en%2F1%2B2%3D"))
        #expect(query.credentials == nil)
    }

    @Test("As a query the token stands, encoded, in the WebSocket's URL alone; a redirect's token likewise")
    func tokenInQuery() throws {
        var negotiation = try negotiation(placement: .query)
        let direct = try socket(answer(&negotiation, Self.v1))
        #expect(direct.url == HTTPURL("https://hub/rte?own=q&id=secret&access_token=tok.en%2F1%2B2%3D"))
        #expect(direct.credentials == nil)
        var redirected = try self.negotiation(placement: .query)
        _ = try answer(&redirected, #"{"url":"https://cloud/x","accessToken":"other"}"#)
        #expect(
            try socket(answer(&redirected, Self.v1)).url == HTTPURL("https://cloud/x?id=secret&access_token=other"))
        // Nothing to show where a hub wants no token, or another kind of credentials.
        let basic = HTTPCredentials.basic(username: "u", password: Array("p".utf8))
        for credentials in [nil, basic] {
            var attempt = SignalRNegotiation(
                try #require(HubURL("ws://h/")), credentials: credentials, placement: .query)
            let socket = try socket(answer(&attempt, Self.v1))
            #expect(socket.url.target == "/?id=secret")
            #expect(socket.credentials == credentials)
        }
    }

    @Test("Neither a token nor an id shows in what is printed of a step or an error")
    func secrets() throws {
        for placement in [AccessTokenPlacement.header, .query] {
            var attempt = try negotiation("wss://hub/rte?key=squirrel", placement: placement)
            var printed = "\(attempt) \(attempt.begin())"
            printed += "\(try answer(&attempt, #"{"url":"https://cloud/x?key=squirrel","accessToken":"tok.en2"}"#))"
            printed += "\(try answer(&attempt, Self.v1))"
            printed += String(reflecting: try answer(&attempt, Self.v1))
            for secret in ["tok.en", "secret", "squirrel"] { #expect(!printed.contains(secret), "\(printed)") }
            #expect(printed.contains("public"))
        }
    }
}
