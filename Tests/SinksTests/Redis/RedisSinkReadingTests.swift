import BridgeCore
import Codecs
import NIOCore
import Testing
import WireProtocols

@testable import Sinks

/// Commands and answers as values.
@Suite struct RedisSinkReadingTests {
    private static let now = Timestamp(microseconds: 1_768_471_200_000_000)

    private func commands(
        _ destination: RedisSink.Destination, _ keys: [String?] = ["k"], format: LineFormat = .json
    ) -> RedisSinkCommands {
        RedisSinkCommands(
            delivery(1...Int64(keys.count)), keys: keys, destination: destination, format: format, now: Self.now)
    }

    /// The arguments of each command.
    private func words(_ commands: RedisSinkCommands) -> [[String]] {
        var rest = commands.bytes
        var found: [[String]] = []
        func number() -> Int {
            rest.moveReaderIndex(forwardBy: 1)
            var digits = ""
            while let byte = rest.readInteger(as: UInt8.self), byte != 13 {
                digits.unicodeScalars.append(Unicode.Scalar(byte))
            }
            rest.moveReaderIndex(forwardBy: 1)
            return Int(digits) ?? -1
        }
        while rest.readableBytes > 0 {
            var words: [String] = []
            for _ in 0..<number() {
                words.append(rest.readString(length: number()) ?? "?")
                rest.moveReaderIndex(forwardBy: 2)
            }
            found.append(words)
        }
        return found
    }

    private func template(_ text: String) throws -> LineTemplate { try LineTemplate(text) }

    @Test func `A stream's entry carries id, kind and seq beside the event`() throws {
        let event = String(decoding: line(1).dropLast(), as: UTF8.self)
        let id = "\(UUID128(high: 1, low: 7))"
        let fields = ["*", "id", id, "kind", "call.answered", "seq", "1", "event", event]
        let name = try template("k")
        #expect(words(commands(.stream(name, nil))) == [["XADD", "k"] + fields])
        #expect(
            words(commands(.stream(name, .init(.length(500))))) == [["XADD", "k", "MAXLEN", "~", "500"] + fields])
        #expect(
            words(commands(.stream(name, .init(.age(.seconds(60)), isExact: true))))
                == [["XADD", "k", "MINID", "=", "1768471140000"] + fields])
        let cloudEvent = words(commands(.stream(name, nil), format: .cloudEvents(typePrefix: "com.acme.")))[0]
        #expect(cloudEvent[4] == id && cloudEvent[6] == "call.answered")
        #expect(cloudEvent.last?.contains(#""type":"com.acme.call.answered""#) == true)
    }

    @Test func `Lists are pushed to at either end and trimmed from the other, channels published to`() throws {
        let event = String(decoding: line(1).dropLast(), as: UTF8.self)
        let name = try template("k")
        #expect(words(commands(.list(name, .right, length: nil))) == [["RPUSH", "k", event]])
        #expect(
            words(commands(.list(name, .left, length: 5)))
                == [["MULTI"], ["LPUSH", "k", event], ["LTRIM", "k", "0", "4"], ["EXEC"]])
        #expect(words(commands(.list(name, .right, length: 5)))[2] == ["LTRIM", "k", "-5", "-1"])
        #expect(words(commands(.channel(name))) == [["PUBLISH", "k", event]])
    }

    @Test func `Several commands are one transaction, and each list is trimmed once`() throws {
        let three = commands(.list(try template("k"), .right, length: 9), ["b", nil, "a", "b"])
        #expect(words(three).map { $0[0] } == ["MULTI", "RPUSH", "RPUSH", "RPUSH", "LTRIM", "LTRIM", "EXEC"])
        #expect(three.lines == [0, 2, 3, nil, nil] && three.answerCount == 7)
        #expect(words(three)[4][1] == "a" && words(three)[5][1] == "b")
    }

    // MARK: - Answers

    /// To MULTI, three commands, EXEC.
    @Test(
        arguments: [
            ([.done, .queued, .queued, .queued, .executed([.done, .done, .done])], [0, 1, 2], nil),
            (
                [.done, .queued, .queued, .queued, .executed([.done, .refused(.wrongType), .done])], [0, 2], .wrongType
            ),
            // Refused when it was to be kept: the server runs none of them.
            (
                [
                    .done, .queued, .refused(.outOfMemory), .queued,
                    .refused(.other(code: "EXECABORT", text: "EXECABORT Transaction discarded")),
                ], [], .outOfMemory
            ),
            ([.done, .queued, .queued, .queued, .refused(.readOnly)], [], .readOnly),
            // Cut off.
            ([.done, .queued, .queued, .queued], [], nil),
            ([.done, .queued], [], nil),
            ([], [], nil),
            // An EXEC that ran fewer commands than were kept.
            ([.done, .queued, .queued, .queued, .executed([.done])], [0], nil),
            // A server without MULTI runs them one by one.
            (
                [.refused(.unknownCommand("x")), .done, .done, .done, .refused(.other(code: "ERR", text: "no MULTI"))],
                [0, 1, 2], nil
            ),
            (
                [.refused(.loading), .refused(.loading), .refused(.loading), .refused(.loading), .refused(.loading)],
                [], .loading
            ),
        ] as [(answers: [RedisAnswer], taken: Set<Int>, refusal: RedisServerError?)])
    func `Answers are matched to lines`(row: (answers: [RedisAnswer], taken: Set<Int>, refusal: RedisServerError?))
        throws
    {
        let reading = RedisSinkReading(commands(.channel(try template("k")), ["k", "k", "k"]), row.answers)
        #expect(reading.taken == row.taken)
        #expect(reading.refusal == row.refusal)
        #expect(reading.trimRefusal == nil)
    }

    @Test func `A refused LTRIM is no line's fault`() throws {
        let reading = RedisSinkReading(
            commands(.list(try template("k"), .right, length: 5)),
            [.done, .queued, .queued, .executed([.done, .refused(.noPermission("x"))])])
        #expect(reading.taken == [0] && reading.refusal == nil && reading.trimRefusal == .noPermission("x"))
    }

    @Test(arguments: [
        ("OOM command not allowed when used memory > 'maxmemory'.", "maxmemory", false),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", "'cti:x' holds something", false),
        ("READONLY You can't write against a read only replica.", "read-only replica", true),
        ("MOVED 866 127.0.0.1:7001", "Redis Cluster", true),
        ("NOAUTH Authentication required.", "wants a password", true),
        ("NOPERM this user has no permissions to run the 'xadd' command", "ACL forbids", false),
        ("LOADING Redis is loading the dataset in memory", "loading", false),
        ("MISCONF Redis is configured to save RDB snapshots", "free its disk", false),
        ("NOREPLICAS Not enough good replicas to write.", "too few replicas", false),
        ("ERR unknown command 'XADD', with args beginning with: 'secret'", "too old", false),
        ("ERR Protocol error: invalid bulk length", "larger than the server reads", true),
    ])
    func `Each refusal has its sentence, and some end the connection`(text: String, words: String, ends: Bool) {
        let error = RedisServerError(reply: text)
        #expect(error.advice(writingTo: "cti:x").contains(words))
        #expect(!error.advice(writingTo: "cti:x").contains("secret"))
        #expect(error.endsConnection == ends)
        #expect(error.isOversize == text.contains("bulk length"))
    }
}
