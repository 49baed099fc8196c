import Bridge
import BridgeCore
import Foundation
import Logging
import TestSupport
import Testing

@Suite struct LogLineTests {
    @Test func `Text has time, level, message and sorted pairs, quoted where their end could not be seen`() throws {
        let log = try LogReader(format: .text)
        log.logger().warning("link lost", metadata: ["source": "cape", "reason": "closed by peer", "attempt": "3"])
        let line = #"2026-01-15T10:00:17.250Z warning  link lost attempt=3 reason="closed by peer" source=cape"#
        #expect(log.lines == [line])
    }

    @Test(arguments: [
        (Logger.Level.debug, "<7>"), (.info, "<6>"), (.notice, "<5>"), (.warning, "<4>"), (.error, "<3>"),
        (.critical, "<2>"),
    ])
    func `The journal gets the priority in its prefix and no time`(level: Logger.Level, prefix: String) throws {
        let log = try LogReader(format: .journal)
        log.logger(level: .trace).log(level: level, "up", metadata: ["tenant": "acme"])
        #expect(log.lines == ["\(prefix)up tenant=acme"])
    }

    @Test func `JSON is one object with text fields`() throws {
        let log = try LogReader(format: .json)
        log.logger("bridge").error("write failed", metadata: ["path": "/a \"b\"", "count": .stringConvertible(7)])
        let line =
            #"{"time":"2026-01-15T10:00:17.250Z","level":"error","logger":"bridge","message":"write failed","#
            + #""fields":{"count":"7","path":"/a \"b\""}}"#
        #expect(log.lines == [line])
    }

    @Test(arguments: LogFormat.allCases)
    func `Whatever a value holds, one message is one line without control characters`(format: LogFormat) throws {
        let log = try LogReader(format: format)
        let evil = "a\nb\r\u{1B}[2J\u{7F}\u{2028}\u{202E}\u{85}\u{0}\\\"=ü😀"
        log.logger().info("\(evil)", metadata: ["key": "\(evil)", "list": ["\(evil)", ["k": "\(evil)"]]])
        #expect(log.lines.count == 1)
        let line = try #require(log.lines.first)
        let unwanted: [ClosedRange<UInt32>] = [0...0x1F, 0x7F...0x9F, 0x2028...0x2029, 0x202E...0x202E]
        #expect(!line.unicodeScalars.contains { scalar in unwanted.contains { $0.contains(scalar.value) } })
        #expect(line.contains("ü😀"))
        if format == .json {
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            #expect(object?["message"] as? String == evil)
        }
    }

    @Test(arguments: LogFormat.allCases)
    func `A line never exceeds 4096 bytes and stays well formed`(format: LogFormat) throws {
        let log = try LogReader(format: format)
        let long = String(repeating: "ü\u{1}", count: 5000)
        var metadata: Logger.Metadata = [:]
        for number in 0..<40 { metadata["key\(number)"] = "\(long)" }
        log.logger().info("\(long)", metadata: metadata)
        let line = try #require(log.lines.first)
        #expect(log.lines.count == 1 && line.utf8.count < 4096 && line.contains("…"))
        if format == .json {
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            #expect(object?["cut"] as? Bool == true)
        }
    }

    @Test(arguments: LogFormat.allCases)
    func `Phone numbers show on debug and trace lines only`(format: LogFormat) throws {
        let number = "+358401234567"
        let metadata: Logger.Metadata = [
            "phone": "\(number)", "caller": .phone(number), "nested": ["phone": "\(number)", "list": [.phone(number)]],
        ]
        for level in Logger.Level.allCases {
            let log = try LogReader(format: format)
            log.logger(level: .trace).log(level: level, "call", metadata: metadata)
            let shown = log.lines.joined().components(separatedBy: number).count - 1
            #expect(shown == (level <= .debug ? 4 : 0), "\(level)")
        }
    }

    @Test func `A redacted secret tells nothing but that it is there`() {
        #expect("\(Logger.MetadataValue.redacted("hunter2"))" == "(secret)")
        #expect("\(Logger.MetadataValue.redacted(""))" == "(empty)")
        #expect("\(LoggedPhoneNumber("0821234567"))" == "(phone number)")
    }

    @Test func `Metadata of the logger, its provider and the message come together, the nearest wins`() throws {
        let log = try LogReader(format: .journal)
        var handler = StreamLogHandler(label: "test", output: log.output)
        handler.metadataProvider = Logger.MetadataProvider { ["a": "provider", "b": "provider"] }
        var logger = Logger(label: "test") { _ in handler }
        logger[metadataKey: "a"] = "logger"
        logger[metadataKey: "c"] = "logger"
        logger.info("up", metadata: ["b": "message"])
        #expect(log.lines == ["<6>up a=provider b=message c=logger"])
    }
}
