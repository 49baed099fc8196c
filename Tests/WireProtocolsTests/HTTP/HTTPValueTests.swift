import NIOCore
import TestSupport
import Testing
import WireProtocols

@Suite struct HTTPValueTests {
    @Test("A head is written as it is meant")
    func writes() throws {
        var buffer = ByteBuffer()
        try HTTPHeadWriter.write(
            HTTPRequestHead(method: "GET", target: "/a?b", headers: ["Host": "x", "X-Y": "ü \t"]), into: &buffer)
        try HTTPHeadWriter.write(HTTPResponseHead(status: 404, headers: ["A": "b"]), into: &buffer)
        #expect(
            String(buffer: buffer)
                == "GET /a?b HTTP/1.1\r\nHost: x\r\nX-Y: ü \t\r\n\r\nHTTP/1.1 404 Not Found\r\nA: b\r\n\r\n")
    }

    @Test(
        "What would be read differently is not written",
        arguments: [
            (HTTPRequestHead(method: "GE T", target: "/"), .badMethod),
            (HTTPRequestHead(method: "", target: "/"), .badMethod),
            (HTTPRequestHead(method: "GET", target: ""), .badTarget),
            (HTTPRequestHead(method: "GET", target: "/ HTTP/1.1\r\nX: y"), .badTarget),
            (HTTPRequestHead(method: "GET", target: "/ü"), .badTarget),
            (HTTPRequestHead(method: "GET", target: "/#x"), .badTarget),
            (HTTPRequestHead(method: "GET", target: "/", headers: ["A B": "c"]), .badFieldName),
            (HTTPRequestHead(method: "GET", target: "/", headers: ["A:": "c"]), .badFieldName),
            (HTTPRequestHead(method: "GET", target: "/", headers: ["A": "b\r\nC: d"]), .badFieldValue(name: "A")),
            (HTTPRequestHead(method: "GET", target: "/", headers: ["A": "b\nC"]), .badFieldValue(name: "A")),
            (HTTPRequestHead(method: "GET", target: "/", headers: ["A": "b\u{0}"]), .badFieldValue(name: "A")),
        ] as [(HTTPRequestHead, HTTPUsageError)])
    func refuses(head: HTTPRequestHead, error: HTTPUsageError) {
        var buffer = ByteBuffer()
        #expect(throws: error) { try HTTPHeadWriter.write(head, into: &buffer) }
        #expect(buffer.readableBytes == 0)
    }

    @Test("Fields are found without regard to case, lists over all fields of a name")
    func headers() {
        let headers: HTTPHeaders = ["A": "1", "b": "x, ,y ", "a": "2", "B": " Z"]
        #expect(headers.first("a") == "1")
        #expect(headers.all("A") == ["1", "2"])
        #expect(headers.members("B") == ["x", "y", "Z"])
        #expect(headers.hasMember("b", "z"))
        #expect(!headers.hasMember("b", "xy"))
        #expect(!headers.contains("c"))
        #expect("\(headers)" == "HTTPHeaders(A, b, a, B)")
    }

    /// RFC 3986, section 5.4, with the base of its examples; fragments are dropped here.
    @Test(
        "References are resolved as RFC 3986 says",
        arguments: [
            ("g", "/b/c/g"), ("./g", "/b/c/g"), ("g/", "/b/c/g/"), ("/g", "/g"), ("?y", "/b/c/d;p?y"),
            ("g?y", "/b/c/g?y"),
            ("#s", "/b/c/d;p?q"), ("g#s", "/b/c/g"), (";x", "/b/c/;x"), ("g;x?y#s", "/b/c/g;x?y"), ("", "/b/c/d;p?q"),
            (".", "/b/c/"), ("./", "/b/c/"), ("..", "/b/"), ("../", "/b/"), ("../g", "/b/g"), ("../..", "/"),
            ("../../g", "/g"),
            ("../../../g", "/g"), ("/./g", "/g"), ("/../g", "/g"), ("g.", "/b/c/g."), ("..g", "/b/c/..g"),
            ("./g/.", "/b/c/g/"),
            ("g/./h", "/b/c/g/h"), ("g/../h", "/b/c/h"), ("g;x=1/../y", "/b/c/y"), ("g?y/../x", "/b/c/g?y/../x"),
        ])
    func references(reference: String, target: String) throws {
        let base = try #require(HTTPURL("http://a/b/c/d;p?q"))
        let url = try #require(base.resolving(reference))
        #expect(url.target == target)
        #expect(url.hasSameOrigin(as: base))
    }

    @Test("References to other places are resolved, and only to http and https")
    func otherOrigins() throws {
        let base = try #require(HTTPURL("https://a.example/b"))
        let other = try #require(base.resolving("//b.example:8443/c"))
        #expect(other == HTTPURL("https://b.example:8443/c"))
        #expect(base.resolving("http://a.example/")?.isSecure == false)
        #expect(base.resolving("http://a.example/")?.hasSameOrigin(as: base) == false)
        for reference in [
            "ftp://a.example/", "javascript:alert(1)", "https://", "https://u:p@a.example/", "/a b", "/a\r\nb",
        ] {
            #expect(base.resolving(reference) == nil)
        }
    }

    @Test("URLs are taken apart; only their origin is printed")
    func urls() throws {
        let url = try #require(HTTPURL("HTTPS://Ex.Example:444/p?token=secret#f"))
        #expect((url.isSecure, url.host, url.port, url.target) == (true, "ex.example", 444, "/p?token=secret"))
        #expect("\(url)" == "https://ex.example:444")
        #expect(HTTPURL("http://[::1]:80/")?.authority == "[::1]")
        #expect(HTTPURL("http://a?b")?.target == "/?b")
        #expect(HTTPURL("http://a")?.port == 80)
        for text in [
            "", "a", "http:/a", "ws://a/", "http://a:0/", "http://a:x/", "http://a:99999/", "http://[::1/",
            "http://a b/",
        ] {
            #expect(HTTPURL(text) == nil)
        }
    }

    @Test("Queries are encoded, whatever is in them")
    func targets() {
        let target = HTTPTarget.make(path: "/p", query: [("a b", "ü&=+/%"), ("c", "")])
        #expect(target == "/p?a%20b=%C3%BC%26%3D%2B%2F%25&c=")
        #expect(HTTPTarget.make(path: "/p?x=1", query: [("y", "2")]) == "/p?x=1&y=2")
        #expect(HTTPTarget.make(path: "", query: []) == "/")
        let head = HTTPRequestHead(method: "GET", target: target)
        #expect(head.query("a b") == "ü&=+/%")
        #expect(HTTPTarget.decode("%4") == nil)
        #expect(HTTPTarget.decode("%FF") == nil)
    }

    /// The first vector is RFC 7617, section 2; the second is section 2.1, in UTF-8.
    @Test("Credentials are written as their RFCs say, and print nothing")
    func credentials() throws {
        let basic = try #require(HTTPCredentials.basic(username: "Aladdin", password: Array("open sesame".utf8)))
        #expect(basic.field == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
        #expect(basic.username == "Aladdin")
        #expect(
            HTTPCredentials.basic(username: "test", password: Array("123£".utf8))?.field == "Basic dGVzdDoxMjPCow==")
        #expect(HTTPCredentials.basic(username: "", password: [])?.field == "Basic Og==")
        #expect(HTTPCredentials.bearer(Array("mF_9.B5f-4.1JqM".utf8))?.field == "Bearer mF_9.B5f-4.1JqM")
        for text in ["\(basic)", "\(String(reflecting: basic))", "\([basic])"] {
            #expect(!text.contains("QWxh") && text.contains("hidden"))
        }
        #expect(HTTPCredentials.basic(username: "a:b", password: []) == nil)
        #expect(HTTPCredentials.basic(username: "a\n", password: []) == nil)
        #expect(HTTPCredentials.basic(username: "a", password: [0]) == nil)
        #expect(HTTPCredentials.bearer(Array("mF_9.B5f-4.1JqM".utf8))?.bearerToken == "mF_9.B5f-4.1JqM")
        #expect(HTTPCredentials(field: "bearer  x")?.bearerToken == "x")
        #expect(HTTPCredentials.basic(username: "u", password: [])?.bearerToken == nil)
        #expect(HTTPCredentials.bearer([]) == nil)
        #expect(HTTPCredentials.bearer(Array("a b".utf8)) == nil)
    }

    @Test("Credentials that come are equal to those that were meant, whatever the case of their scheme")
    func comparison() throws {
        let basic = try #require(HTTPCredentials.basic(username: "u", password: Array("p".utf8)))
        #expect(HTTPCredentials(field: "bAsIc  dTpw") == basic)
        for field in ["Basic dTpx", "Basic dTp", "Basic dTpwdTpw", "Bearer dTpw"] {
            #expect(HTTPCredentials(field: field) != basic)
        }
        for field in ["", "Basic", "Digest x", "Basic "] { #expect(HTTPCredentials(field: field) == nil) }
        #expect(HTTPCredentials(field: "Bearer x")?.username == nil)
    }

    @Test(
        "An answer that refuses is one sentence with advice",
        arguments: [
            (401, [:], "HTTP 401 (Unauthorized): user or password are wrong or missing; correct the credentials", true),
            (
                403, [:],
                "HTTP 403 (Forbidden): these credentials may not do this; give the user the right, or use others", true
            ),
            (404, [:], "HTTP 404 (Not Found): there is nothing at this path; check the URL", true),
            (
                503, ["Retry-After": "30"],
                "HTTP 503 (Service Unavailable): the server is not ready; wait until it is, 30 s as it asks",
                false
            ),
            (
                200, ["Content-Type": "text/html; charset=utf-8"],
                "HTTP 200 (OK) with text/html, which is not what was asked for: the path leads to something else, check the URL",
                true
            ),
            (
                302, ["Location": "https://b.example/login?token=secret"],
                "HTTP 302 (Found), a redirect to https://b.example, which is not followed here: give the new URL",
                true
            ),
        ] as [(Int, HTTPHeaders, String, Bool)])
    func refusals(status: Int, headers: HTTPHeaders, sentence: String, isLasting: Bool) {
        let refusal = HTTPRefusal(head: HTTPResponseHead(status: status, headers: headers), body: [])
        #expect("\(refusal)" == "the server answered \(sentence)")
        #expect(refusal.isLasting == isLasting)
    }

    @Test("Every status has its advice, in one line without what the server wrote about itself")
    func allRefusals() {
        for status in 100...599 {
            let head = HTTPResponseHead(
                status: status, reason: "a\u{1b}[31m", headers: ["Location": "x", "Content-Type": "\u{7}"])
            let text = "\(HTTPRefusal(head: head, body: Array(repeating: 65, count: 5000)))"
            #expect(text.utf8.allSatisfy { (0x20...0x7E).contains($0) })
            #expect(text.contains(":") || text.contains("check"))
        }
        let head = HTTPResponseHead(status: 503, headers: ["Retry-After": "99999999"])
        #expect(HTTPRefusal(head: head, body: Array(repeating: 65, count: 5000)).body.count == HTTPRefusal.bodyBytes)
        #expect(HTTPRefusal(head: head, body: []).retryAfter == .seconds(86_400))
        #expect(
            HTTPRefusal(head: HTTPResponseHead(status: 503, headers: ["Retry-After": "soon"]), body: []).retryAfter
                == nil)
    }
}
