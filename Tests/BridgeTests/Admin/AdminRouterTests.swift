import BridgeCore
import Sinks
import TestSupport
import Testing

@testable import Bridge

@Suite struct AdminRouterTests {
    private static func token(_ text: String, _ scope: AdminConfiguration.Scope? = nil) -> AdminConfiguration.Token {
        AdminConfiguration.Token(name: text, secret: SecretReference(Secret(Array(text.utf8))), scope: scope)
    }

    private static let router = AdminRouter(
        tokens: AdminTokens([
            token("all"), token("nomsa", .init(lines: LineCriteria(agents: ["1001"]))),
            token("wall", .init(feeds: ["wall"])),
        ]), origins: ["https://wall.example"], feeds: ["live", "wall"])

    private func decide(
        _ target: String, token: String? = nil, origin: String? = nil, last: String? = nil, method: String = "GET"
    ) -> AdminRouter.Decision {
        Self.router.decide(
            AdminRequest(
                method, target, authorization: token.map { "Bearer \($0)" }, origin: origin, lastEventID: last))
    }

    private func status(_ decision: AdminRouter.Decision) -> Int {
        switch decision {
        case .answer(let answer): answer.status
        case .status, .metrics, .feed: 200
        }
    }

    private func error(_ decision: AdminRouter.Decision) -> String {
        guard case .answer(let answer) = decision else { return "" }
        return String(decoding: answer.body, as: UTF8.self)
    }

    /// Token, path, status.
    private static let matrix: [(String?, String, Int)] = [
        (nil, "/health", 200), ("wrong", "/health", 200),
        (nil, "/", 401), (nil, "/status", 401), (nil, "/metrics", 401), (nil, "/feed/live", 401), (nil, "/x", 401),
        ("wrong", "/status", 401), ("al", "/status", 401), ("alll", "/status", 401), ("", "/status", 401),
        ("all", "/status", 200), ("all", "/metrics", 200), ("all", "/feed/live", 200), ("all", "/feed/wall", 200),
        ("all", "/feed/other", 404), ("all", "/", 404), ("all", "/feed", 404), ("all", "/feed/", 404),
        ("all", "/status/", 404), ("all", "/feed/live/x", 404), ("all", "//status", 404),
        ("all", "/feed/../status", 404),
        ("nomsa", "/status", 403), ("nomsa", "/metrics", 403), ("nomsa", "/feed/live", 200),
        ("nomsa", "/feed/wall", 200),
        ("wall", "/status", 403), ("wall", "/metrics", 403), ("wall", "/feed/live", 404), ("wall", "/feed/wall", 200),
    ]

    @Test(arguments: matrix)
    func `A token opens what it is for`(token: String?, path: String, expected: Int) {
        #expect(status(decide(path, token: token)) == expected)
        #expect(status(decide(path, token: token, method: "HEAD")) == expected)
    }

    @Test func `The names of feeds are told to none who may not read them`() {
        #expect(
            error(decide("/feed/x", token: "wall"))
                == "{\"error\":\"there is no such feed for this token; there are: wall\"}\n")
        #expect(!error(decide("/feed/live", token: "wall")).contains("live"))
    }

    @Test func `A refusal says how to do it`() {
        guard case .answer(let answer) = decide("/status") else { return #expect(Bool(false), "it has to be refused") }
        #expect(answer.fields.contains(.init("www-authenticate", #"Bearer realm="cti-bridge""#)))
        #expect(error(decide("/status")).contains("Authorization: Bearer"))
    }

    @Test func `The token may be in the query of a feed, and nowhere else`() {
        #expect(status(decide("/feed/live?access_token=all")) == 200)
        #expect(status(decide("/feed/live?access_token=wrong")) == 401)
        #expect(status(decide("/feed/live?access_token=all", token: "wrong")) == 401, "the field counts")
        #expect(status(decide("/status?access_token=all")) == 401)
        #expect(status(decide("/feed/live?access_token=%61ll")) == 200)
    }

    @Test func `Other schemes than Bearer open nothing`() {
        for field in ["Basic YWxsOg==", "all", "bearer", "Bearer", "Bearer  ", "Digest all"] {
            #expect(status(Self.router.decide(AdminRequest("GET", "/status", authorization: field))) == 401, "\(field)")
        }
        #expect(status(Self.router.decide(AdminRequest("GET", "/status", authorization: "bearer all"))) == 200)
    }

    @Test(arguments: ["POST", "PUT", "DELETE", "TRACE", "PATCH", "get"])
    func `Only reading is known`(method: String) {
        #expect(status(decide("/status", token: "all", method: method)) == 405)
        #expect(status(decide("/health", method: method)) == 405)
    }

    @Test func `A request with a body is refused, and its connection ends`() {
        guard case .answer(let answer) = Self.router.decide(AdminRequest("GET", "/health", hasBody: true)) else {
            return #expect(Bool(false), "it has to be refused")
        }
        #expect(answer.status == 413 && answer.closes)
    }

    // MARK: - Queries

    private func feed(_ query: String, last: String? = nil, token: String = "all") -> FeedRequest? {
        guard case .feed(let feed) = decide("/feed/live?\(query)", token: token, last: last) else { return nil }
        return feed
    }

    @Test func `A query is what is wanted`() throws {
        let query =
            "kind=call.*,agent.presence&kind=queue.status&source=cape&queue=Sales+1&queue=s%2C2&agent=1001&call=cape:1,2&direction=inbound"
        let wanted = try #require(feed(query)).wanted
        #expect(
            wanted
                == LineCriteria(
                    kinds: ["call.*", "agent.presence", "queue.status"], sources: ["cape"],
                    queues: ["Sales 1", "s", "2"],
                    agents: ["1001"], calls: ["cape:1,2"], directions: ["inbound"]))
        #expect(feed("")?.wanted.isEmpty == true)
    }

    @Test func `A reader begins where he says`() {
        #expect(feed("")?.start == .now)
        #expect(feed("since=0")?.start == .after(0))
        #expect(feed("since=47")?.start == .after(47))
        #expect(feed("since=47", last: "50")?.start == .after(50), "a browser that comes again repeats its URL")
        #expect(feed("", last: "50")?.start == .after(50))
        #expect(feed("since=47", last: "")?.start == .after(47))
    }

    @Test func `The scope of the token is that of the request`() {
        #expect(feed("")?.scope == nil)
        #expect(feed("agent=1002", token: "nomsa")?.scope == LineCriteria(agents: ["1001"]))
        guard case .feed(let wall) = decide("/feed/wall", token: "wall") else { return #expect(Bool(false)) }
        #expect(wall.scope == nil)
    }

    @Test(arguments: [
        ("sinse=1", "unknown parameter 'sinse'; did you mean 'since'?"),
        ("since=-1", "expected the seq of a line in 'since'"), ("since=x", "expected the seq"),
        ("since=", "expected the seq"),
        ("since=99999999999999999999", "expected the seq"), ("kind=call.ended,ringing", "did you mean 'call.ringing'?"),
        ("kind=calls.*", "did you mean 'call.*'?"), ("direction=inbond", "did you mean 'inbound'?"),
        ("kind=%zz", "cannot be decoded"),
        ("kind=%ff", "cannot be decoded"),
        (Array(repeating: "agent=1", count: 300).joined(separator: "&"), "more than 256"),
    ])
    func `A query that makes no sense is refused with a sentence`(query: String, expected: String) {
        let decision = decide("/feed/live?\(query)", token: "all")
        #expect(status(decision) == 400 && error(decision).contains(expected), "\(error(decision))")
    }

    @Test func `A position that is none is refused`() {
        #expect(error(decide("/feed/live", token: "all", last: "x")).contains("Last-Event-ID"))
    }

    // MARK: - Browsers

    private func preflight(_ origin: String?) -> AdminAnswer {
        let request = AdminRequest(
            "OPTIONS", "/feed/live", origin: origin, requestedMethod: origin == nil ? nil : "GET")
        guard case .answer(var answer) = Self.router.decide(request) else { return AdminAnswer(status: 0) }
        answer.fields += Self.router.originFields(request)
        return answer
    }

    @Test func `A page that is listed may read, and ask before it does`() {
        let answer = preflight("https://wall.example")
        #expect(answer.status == 204)
        #expect(answer.fields.contains(.init("access-control-allow-origin", "https://wall.example")))
        #expect(
            answer.fields.contains { $0.name == "access-control-allow-headers" && $0.value.contains("authorization") })
        #expect(answer.fields.contains(.init("vary", "Origin")))
    }

    @Test(arguments: [
        "https://evil.example", "https://wall.example.evil", "http://wall.example", "null", "https://wall.example:444",
    ])
    func `Other pages may not`(origin: String) {
        #expect(preflight(origin).status == 204)
        #expect(!preflight(origin).fields.contains { $0.name.hasPrefix("access-control") })
    }

    @Test func `Options without a browser are the methods`() {
        #expect(preflight(nil).fields.contains(.init("allow", "GET, HEAD, OPTIONS")))
        #expect(!preflight(nil).fields.contains { $0.name.hasPrefix("access-control") })
    }

    @Test func `Any page may read where that is said, and none where nothing is`() {
        let request = AdminRequest("GET", "/feed/live", origin: "https://x.example")
        let any = AdminRouter(tokens: Self.router.tokens, origins: ["*"], feeds: [])
        #expect(any.originFields(request).contains(.init("access-control-allow-origin", "https://x.example")))
        #expect(AdminRouter(tokens: Self.router.tokens, origins: [], feeds: []).originFields(request).isEmpty)
    }
}

@Suite struct PrometheusTextTests {
    @Test func `A family has one head, and label values are escaped`() {
        var text = PrometheusText()
        text.add("a_total", .counter, "Help.", [.init("x", "1"), .init("y", "q\"b\\s\nn")], 7)
        text.add("b", .gauge, "Other.", [], -1)
        text.add("a_total", .counter, "Help.", [.init("x", "2")], 8)
        #expect(
            String(decoding: text.bytes, as: UTF8.self)
                == "# HELP a_total Help.\n# TYPE a_total counter\na_total{x=\"1\",y=\"q\\\"b\\\\s\\nn\"} 7\na_total{x=\"2\"} 8\n"
                + "# HELP b Other.\n# TYPE b gauge\nb -1\n")
    }
}
