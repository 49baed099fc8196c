import NIOCore
import Testing
import WireProtocols

@testable import Adapters

@Suite struct TeleforgePubSubSessionTests {
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test("Patterns name one channel or everything below it, whatever the prefix holds")
    func patterns() {
        #expect(TeleforgePubSubSession.pattern(.init(name: "a:agents", below: true)) == "a:agents:*")
        #expect(TeleforgePubSubSession.pattern(.init(name: "a*[b]?:dialers", below: false)) == "a\\*\\[b\\]\\?:dialers")
    }

    @Test("It is subscribed when the last pattern is confirmed, and messages carry their channel")
    func subscribes() throws {
        var session = Self.session()
        #expect(session.takeCommands(now: Self.start).map(String.init(buffer:))?.contains("PSUBSCRIBE") == true)
        #expect(session.takeCommands(now: Self.start) == nil)
        #expect(try Self.receive("*3\r\n$10\r\npsubscribe\r\n$1\r\na\r\n:1\r\n", &session) == "nothing")
        #expect(try Self.receive("*3\r\n$10\r\npsubscribe\r\n$1\r\nb\r\n:2\r\n", &session) == "subscribed")
        let message = "*4\r\n$8\r\npmessage\r\n$1\r\na\r\n$5\r\np:a:1\r\n$2\r\n{}\r\n"
        #expect(try Self.receive(message, &session) == "message p:a:1 {}")
    }

    @Test("Silence is met with a ping after 15 s and given up 10 s later; anything heard starts anew")
    func heartbeat() throws {
        var session = try Self.subscribed()
        #expect(session.nextDeadline == Self.start + .seconds(15))
        let ping = Self.start + .seconds(15)
        #expect(session.takeCommands(now: ping).map(String.init(buffer:)) == "*1\r\n$4\r\nPING\r\n")
        #expect(!session.isMute(now: ping + .seconds(9)) && session.isMute(now: ping + .seconds(10)))
        #expect(try Self.receive("*2\r\n$4\r\npong\r\n$0\r\n\r\n", &session, at: ping + .seconds(1)) == "nothing")
        #expect(!session.isMute(now: ping + .seconds(30)) && session.nextDeadline == ping + .seconds(16))
    }

    @Test("A subscription that is never confirmed is given up")
    func unconfirmed() {
        var session = Self.session()
        _ = session.takeCommands(now: Self.start)
        #expect(session.isMute(now: Self.start + .seconds(10)))
    }

    @Test("While reading is suspended, silence says nothing")
    func suspended() throws {
        var session = try Self.subscribed()
        session.setSuspended(true, now: Self.start)
        _ = session.takeCommands(now: Self.start + .seconds(15))
        #expect(!session.isMute(now: Self.start + .seconds(100)))
        session.setSuspended(false, now: Self.start + .seconds(100))
        _ = session.takeCommands(now: Self.start + .seconds(115))
        #expect(session.isMute(now: Self.start + .seconds(125)))
    }

    @Test(
        "Errors and strangers end the connection",
        arguments: [
            "-NOAUTH Authentication required.\r\n", "+OK\r\n",
            "*1\r\n$5\r\nhello\r\n",
            "*2\r\n$8\r\npmessage\r\n$1\r\na\r\n", "*0\r\n",
        ])
    func failures(wire: String) throws {
        var session = Self.session()
        #expect(try Self.receive(wire, &session) == "failed")
    }

    @Test(
        "Where the ACL forbids a pattern per topic, the whole prefix is asked for, once, and other topics are left out")
    func wholePrefix() throws {
        var session = Self.session()
        _ = session.takeCommands(now: Self.start)
        let refusal = "-NOPERM this user has no permissions to access one of the channels\r\n"
        #expect(try Self.receive(refusal, &session) == "nothing")
        let second = session.takeCommands(now: Self.start).map(String.init(buffer:))
        #expect(second == "*2\r\n$10\r\nPSUBSCRIBE\r\n$3\r\np:*\r\n")
        var refused = session
        #expect(try Self.receive(refusal, &refused) == "failed")
        #expect(try Self.receive("*3\r\n$10\r\npsubscribe\r\n$3\r\np:*\r\n:1\r\n", &session) == "subscribed")
        for (channel, expected) in [("p:a:1", "message p:a:1 {}"), ("p:b", "message p:b {}"), ("p:c:1", "nothing")] {
            let wire = "*4\r\n$8\r\npmessage\r\n$3\r\np:*\r\n$\(channel.utf8.count)\r\n\(channel)\r\n$2\r\n{}\r\n"
            #expect(try Self.receive(wire, &session) == expected)
        }
    }

    private static func session() -> TeleforgePubSubSession {
        var session = TeleforgePubSubSession(
            topics: [.init(name: "p:a", below: true), .init(name: "p:b", below: false)], prefix: "p",
            writer: RESPCommandWriter())
        session.connected(now: start)
        return session
    }

    private static func subscribed() throws -> TeleforgePubSubSession {
        var session = session()
        _ = session.takeCommands(now: start)
        for name in ["a", "b"] { _ = try receive("*3\r\n$10\r\npsubscribe\r\n$1\r\n\(name)\r\n:1\r\n", &session) }
        return session
    }

    private static func receive(
        _ wire: String, _ session: inout TeleforgePubSubSession, at now: NIODeadline = start
    ) throws -> String {
        let reader = try RESPReader()
        _ = try Array(wire.utf8).withUnsafeBytes { try reader.feed($0) }
        let reply = try #require(try reader.next())
        switch session.receive(reply, now: now) {
        case .nothing: return "nothing"
        case .subscribed: return "subscribed"
        case .message(let channel, let payload):
            return "message \(channel) \(String(decoding: payload, as: UTF8.self))"
        case .failed: return "failed"
        }
    }
}
