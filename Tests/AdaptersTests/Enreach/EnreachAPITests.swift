import BridgeCore
import Codecs
import NIOCore
import NIOPosix
import TestSupport
import Testing
import Transport
import WireProtocols

@testable import Adapters

/// The REST interface against the simulated one.
@Suite("Enreach: from a login to a token", .serialized)
struct EnreachAPITests {
    /// A simulator and an interface on one loop.
    private final class Bench: Sendable {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop: any EventLoop
        private let simulator: NIOLoopBoundBox<EnreachSimulator?>
        private let api: NIOLoopBoundBox<EnreachAPI?>
        let port: Int

        init(_ edit: (inout EnreachSimulator.Settings) -> Void = { _ in }) async throws {
            var settings = EnreachSimulator.Settings()
            edit(&settings)
            loop = group.next()
            simulator = .makeEmptyBox(eventLoop: loop)
            api = .makeEmptyBox(eventLoop: loop)
            let (box, loop, made) = (simulator, loop, settings)
            port = try await loop.flatSubmit {
                do {
                    let simulator = try EnreachSimulator(
                        made, .traffic(callsPerSecond: 0, speed: 1, seed: 1), eventLoop: loop)
                    box.value = simulator
                    return try simulator.start()
                } catch {
                    return loop.makeFailedFuture(error)
                }
            }.get()
        }

        func login(
            user: String = "api@acme.example", key: String? = "simulated-key", password: String? = nil,
            discovers: Bool = false, port: Int? = nil
        ) async throws {
            let url = try #require(HTTPURL("http://127.0.0.1:\(port ?? self.port)/"))
            let credential: EnreachLogin.Credential =
                password.map { .password(Secret(Array($0.utf8))) } ?? .secretKey(Secret(Array((key ?? "").utf8)))
            let login = EnreachLogin(
                user: user, credential: credential, place: discovers ? .discovery(url) : .api(url))
            try await loop.submit { [self] in
                api.value?.close()
                api.value = EnreachAPI(login, http: HTTPClientConfiguration(), eventLoop: loop)
            }.get()
        }

        func ask<Value: Sendable>(
            _ body: @escaping @Sendable (EnreachAPI) -> EventLoopFuture<Value>
        ) async throws -> Value {
            try await loop.flatSubmit { [self] in
                guard let api = api.value else { return loop.makeFailedFuture(TestFailure(description: "no login")) }
                return body(api)
            }.get()
        }

        func onSimulator<Value: Sendable>(
            _ body: @escaping @Sendable (EnreachSimulator) -> Value
        ) async throws -> Value {
            try await loop.submit { [self] in
                guard let simulator = simulator.value else { throw TestFailure(description: "no simulator") }
                return body(simulator)
            }.get()
        }

        func end() async throws {
            try await loop.flatSubmit { [self] in
                api.value?.close()
                api.value = nil
                defer { simulator.value = nil }
                return simulator.value?.stop() ?? loop.makeSucceededVoidFuture()
            }.get()
            try await group.shutdownGracefully()
        }
    }

    @Test("A key leads to a token and to where the hub is", arguments: [true, false])
    func key(discovers: Bool) async throws {
        let bench = try await Bench()
        try await bench.login(discovers: discovers)
        let token = try await bench.ask { $0.token() }
        #expect(token.hub?.description == "http://127.0.0.1:\(bench.port)" && token.hub?.target == "/rte")
        let end = try #require(token.expiresAt)
        #expect(abs(end.microseconds - WallClock.now().microseconds - 3_600_000_000) < 60_000_000)
        _ = try await bench.ask { $0.token() }
        let figures = try await bench.onSimulator { $0.state }
        #expect(figures.tokens == 2 && figures.discoveries == (discovers ? 1 : 0) && figures.unauthorized == 0)
        try await bench.end()
    }

    @Test("A password leads to a key once; a key that was withdrawn is got anew")
    func password() async throws {
        let bench = try await Bench()
        try await bench.login(password: "simulated-password", discovers: true)
        _ = try await bench.ask { $0.token() }
        _ = try await bench.ask { $0.entities(of: .user) }
        #expect(try await bench.onSimulator { $0.state.logins } == 1)
        try await bench.onSimulator { $0.changeKey("another-key") }
        _ = try await bench.ask { $0.token() }
        #expect(try await bench.onSimulator { $0.state.logins } == 2)
        try await bench.end()
    }

    @Test(
        "What is wrong with a login is said, and is no matter of waiting",
        arguments: [
            ("nobody@acme.example", "simulated-key", nil, true, "the discovery does not know this login"),
            ("api@acme.example", "wrong", nil, false, "login: the server answered HTTP 401"),
            ("api@acme.example", nil, "wrong", false, "login: the server answered HTTP 401"),
        ] as [(String, String?, String?, Bool, String)])
    func wrong(user: String, key: String?, password: String?, discovers: Bool, words: String) async throws {
        let bench = try await Bench()
        try await bench.login(user: user, key: key, password: password, discovers: discovers)
        let error = await #expect(throws: ConnectionError.self) { try await bench.ask { $0.token() } }
        #expect(error.map { "\($0)".contains(words) } == true, "\(error.map { "\($0)" } ?? "")")
        #expect(error?.stage == .login && error?.isRefusal == true)
        try await bench.end()
    }

    @Test("An interface that is not there is a matter of waiting")
    func absent() async throws {
        let bench = try await Bench()
        try await bench.login(port: Int(LoopbackPort.free()))
        let error = await #expect(throws: ConnectionError.self) { try await bench.ask { $0.token() } }
        #expect(error?.stage == .connect && error?.isRefusal == false)
        try await bench.end()
    }

    @Test("Lists of entities come as ids; what is none is skipped")
    func entities() async throws {
        let bench = try await Bench {
            $0.users = 300
            $0.queues = 7
        }
        try await bench.login()
        #expect(try await bench.ask { $0.entities(of: .user) }.count == 300)
        #expect(try await bench.ask { $0.entities(of: .queue) } == bench.onSimulator { $0.queueIDs })
        #expect(try await bench.ask { $0.entities(of: .callList) } == bench.onSimulator { $0.callListIDs })
        let odd = try JSONDocument(
            Array(
                #"[{"id":"A1EEB030-FF4B-EA11-AC9C-00155D4FDCF3"},{"Id":7},{},3,{"ID":"x"},{"Id":"a1eeb030-ff4b-ea11-ac9c-00155d4fdcf3"}]"#
                    .utf8))
        #expect(
            try EnreachAPIReader.ids(odd.root, of: "users/").map(\.description) == [
                "a1eeb030-ff4b-ea11-ac9c-00155d4fdcf3"
            ])
        try await bench.end()
    }

    @Test(
        "Where the hub is: any scheme that is as safe as the interface, or none",
        arguments: [
            ("rte.example/hub", true, "https://rte.example"), ("wss://rte.example/hub", true, "https://rte.example"),
            ("https://rte.example/hub", true, "https://rte.example"),
            ("rte.example:8443", true, "https://rte.example:8443"),
            ("ws://rte.example/hub", true, nil), ("http://rte.example/hub", true, nil),
            ("127.0.0.1:80/rte", false, "http://127.0.0.1"), ("", true, nil), ("a b", true, nil),
        ] as [(String, Bool, String?)])
    func place(text: String, isSecure: Bool, url: String?) throws {
        let answer = try JSONDocument(Array(#"{"token":"abc","wssEndpoint":"\#(text)"}"#.utf8))
        let token = try? EnreachAPIReader.token(answer.root, isSecure: isSecure)
        #expect(token?.hub?.description == url)
    }

    @Test("A discovery over https never leads to http")
    func downgrade() throws {
        let answer = try JSONDocument(Array(#"[{"apiEndpoint":"http://api.example/"}]"#.utf8))
        let discovery = try #require(HTTPURL("https://discover.example"))
        #expect(throws: ConnectionError.self) { try EnreachAPIReader.place(answer.root, discovery: discovery) }
    }

    @Test("Times are told in UTC and whole seconds")
    func times() {
        #expect(EnreachAPIReader.time(Timestamp(microseconds: 1_700_000_000_999_999)) == "2023-11-14 22:13:20")
    }
}
