import NIOCore
import Testing
import WireProtocols

@Suite struct RedisHandshakeTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var user: String?
        var password: String?
        var database = 0
        /// What the server answers, and what we are expected to say before each answer.
        let talk: [(ours: String, theirs: String)]
        var error: RedisServerError?
        var warnings: [RedisServerError] = []
        var version: String?
    }

    static let unknown = "-ERR unknown command `HELLO`, with args beginning with: `2`, `SETNAME`, "

    static let cases: [Case] = [
        Case(
            testDescription: "Redis 6 and newer",
            talk: [("HELLO 2 SETNAME n", "*4\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n")],
            version: "7.0.15"),
        Case(
            testDescription: "a password and a database", password: "pw", database: 3,
            talk: [("HELLO 2 SETNAME n AUTH default pw", "*0\r\n"), ("SELECT 3", "+OK\r\n")]),
        Case(
            testDescription: "a user", user: "u", password: "pw",
            talk: [("HELLO 2 SETNAME n AUTH u pw", "*0\r\n")]),
        Case(
            testDescription: "before Redis 6, without a password",
            talk: [("HELLO 2 SETNAME n", "\(unknown)\r\n"), ("CLIENT SETNAME n", "+OK\r\n")]),
        Case(
            testDescription: "before Redis 6, with a password and a database", password: "pw", database: 1,
            talk: [
                ("HELLO 2 SETNAME n AUTH default pw", "\(unknown)\r\n"), ("AUTH pw", "+OK\r\n"),
                ("CLIENT SETNAME n", "-ERR unknown command\r\n"), ("SELECT 1", "+OK\r\n"),
            ]),
        Case(
            testDescription: "a password that nobody asked for is a warning", password: "pw",
            talk: [
                ("HELLO 2 SETNAME n AUTH default pw", "\(unknown)\r\n"),
                ("AUTH pw", "-ERR Client sent AUTH, but no password is set\r\n"), ("CLIENT SETNAME n", "+OK\r\n"),
            ], warnings: [.passwordNotConfigured]),
        Case(
            testDescription: "a user name before Redis 6 is refused", user: "u", password: "pw",
            talk: [
                ("HELLO 2 SETNAME n AUTH u pw", "\(unknown)\r\n"),
                ("AUTH u pw", "-ERR wrong number of arguments for 'auth' command\r\n"),
            ], error: .wrongArity),
        Case(
            testDescription: "a missing password",
            talk: [("HELLO 2 SETNAME n", "-NOAUTH HELLO must be called with the client already authenticated\r\n")],
            error: .passwordRequired),
        Case(
            testDescription: "a wrong password", password: "pw",
            talk: [("HELLO 2 SETNAME n AUTH default pw", "-WRONGPASS invalid username-password pair\r\n")],
            error: .wrongPassword),
        Case(
            testDescription: "HELLO forbidden, AUTH allowed", password: "pw",
            talk: [
                ("HELLO 2 SETNAME n AUTH default pw", "-NOPERM this user has no permissions\r\n"),
                ("AUTH pw", "+OK\r\n"), ("CLIENT SETNAME n", "-NOPERM this user has no permissions\r\n"),
            ]),
        Case(
            testDescription: "no such database", database: 99,
            talk: [("HELLO 2 SETNAME n", "*0\r\n"), ("SELECT 99", "-ERR DB index is out of range\r\n")],
            error: .databaseOutOfRange),
        Case(
            testDescription: "no connection left",
            talk: [("HELLO 2 SETNAME n", "-ERR max number of clients reached\r\n")], error: .tooManyClients),
        Case(
            testDescription: "protected mode",
            talk: [("HELLO 2 SETNAME n", "-DENIED Redis is running in protected mode\r\n")], error: .protectedMode),
    ]

    @Test("The first words fit the server", arguments: cases)
    func table(_ example: Case) throws {
        let credentials = example.password.map { RedisCredentials(username: example.user, password: Array($0.utf8)) }
        var handshake = RedisHandshake(
            credentials: credentials, clientName: "n", database: example.database, writer: RESPCommandWriter())
        var ours = handshake.start()
        for (index, exchange) in example.talk.enumerated() {
            #expect(Self.words(ours) == exchange.ours)
            let reader = try RESPReader()
            _ = try Array(exchange.theirs.utf8).withUnsafeBytes { try reader.feed($0) }
            let reply = try #require(try reader.next())
            let isLast = index == example.talk.count - 1
            switch handshake.receive(reply) {
            case .send(let bytes):
                #expect(!isLast)
                ours = bytes
            case .ready(let version):
                #expect(isLast && example.error == nil && version == example.version)
            case .failed(let error): #expect(isLast && error == example.error)
            }
        }
        #expect(handshake.warnings == example.warnings)
    }

    @Test("Credentials print nothing of themselves")
    func hidden() {
        let credentials = RedisCredentials(username: "u", password: Array("hushed".utf8))
        #expect(!"\(credentials) \(String(reflecting: credentials))".contains("hushed"))
    }

    private static func words(_ buffer: ByteBuffer) -> String {
        String(buffer: buffer).split(separator: "\r\n").filter { !"*$".contains($0.first ?? "*") }.joined(
            separator: " ")
    }
}
