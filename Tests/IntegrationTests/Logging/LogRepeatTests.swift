import Bridge
import Foundation
import Logging
import TestSupport
import Testing

@Suite struct LogRepeatTests {
    @Test func `Five equal messages in ten seconds pass, the rest is told as one count`() throws {
        let log = try LogReader(format: .journal)
        let logger = log.logger()
        for attempt in 0..<20 { logger.warning("refused", metadata: ["attempt": "\(attempt)"]) }
        #expect(log.lines == (0..<5).map { "<4>refused attempt=\($0)" })
        log.advance(.seconds(10))
        logger.info("other")
        #expect(log.lines.suffix(2) == ["<4>refused (15 more)", "<6>other"])
        logger.warning("refused", metadata: ["attempt": "20"])
        #expect(log.lines.last == "<4>refused attempt=20")
    }

    @Test func `The count comes before the next message of its kind, too`() throws {
        let log = try LogReader(format: .journal)
        for _ in 0..<7 { log.logger().error("full") }
        log.advance(.seconds(11))
        log.logger().error("full")
        #expect(log.lines.suffix(2) == ["<3>full (2 more)", "<3>full"])
    }

    @Test func `Level, label and the set of keys make messages different, values do not`() throws {
        let log = try LogReader(format: .journal)
        for number in 0..<6 {
            log.logger("a").info("m", metadata: ["k": "\(number)"])
            log.logger("b").info("m", metadata: ["k": "\(number)"])
            log.logger("a").info("m", metadata: ["other": "\(number)"])
            log.logger("a").warning("m", metadata: ["k": "\(number)"])
        }
        #expect(log.lines.count == 20)
    }

    @Test func `Debug and trace are not limited: who asks for them wants all`() throws {
        let log = try LogReader(format: .journal)
        for _ in 0..<30 { log.logger(level: .trace).debug("frame") }
        #expect(log.lines.count == 30)
    }

    @Test func `What is held back at the end is told by flush`() throws {
        let log = try LogReader(format: .journal)
        for _ in 0..<8 { log.logger().info("m") }
        log.output.flush()
        log.output.flush()
        #expect(log.lines.suffix(2) == ["<6>m", "<6>m (3 more)"])
    }

    @Test func `Ten thousand kinds of message neither lose a count nor a first line`() throws {
        let log = try LogReader(format: .journal)
        for _ in 0..<8 { log.logger().info("first") }
        for number in 0..<10_000 {
            log.advance(.microseconds(1))
            log.logger().info("kind \(number)")
        }
        // The oldest kind made room and was told early.
        #expect(log.lines.count == 5 + 1 + 10_000)
        #expect(log.lines.filter { $0 == "<6>first (3 more)" }.count == 1)
    }
}
