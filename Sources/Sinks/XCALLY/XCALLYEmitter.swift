import BridgeCore
import Codecs
import Logging
import NIOCore

/// Brings messages onto a line: at once while it is up, after a short wait when it comes back. Confined to the line's loop.
final class XCALLYEmitter: VendorLineUser {
    struct Limits: Sendable, Equatable {
        /// Messages kept while the line is down, and how old they may grow.
        var messages = 100
        var age = Duration.seconds(60)
        /// Whether the Shuttle is asked to acknowledge each.
        var wantsAcknowledgement = false

        init() {}
    }

    private let line: any VendorLine
    private let limits: Limits
    private let figures: XCALLYSinkFigures
    private let logger: Logger
    private let now: () -> Timestamp
    private var outbox: XCALLYOutbox
    private var awaited: Set<UInt64> = []
    private var toldDrops = false

    init(
        line: any VendorLine, limits: Limits, figures: XCALLYSinkFigures, logger: Logger,
        now: @escaping () -> Timestamp
    ) {
        (self.line, self.limits, self.figures, self.logger, self.now) = (line, limits, figures, logger, now)
        outbox = XCALLYOutbox(limit: limits.messages, age: limits.age)
        line.add(self)
    }

    func emit(_ entries: [XCALLYOutbox.Entry]) {
        let time = now()
        for entry in entries { outbox.add(entry, now: time) }
        send()
    }

    func vendorLineReady() {
        toldDrops = false
        send()
    }

    func vendorLine(acknowledged number: UInt64, inTime: Bool) {
        guard awaited.remove(number) != nil else { return }
        if inTime { figures.acknowledged.add() } else { figures.unacknowledged.add() }
    }

    private func send() {
        let time = now()
        sending: while let entry = outbox.next(now: time) {
            let message = entry.message
            switch line.emit(message.name, json: message.json, wantsAcknowledgement: limits.wantsAcknowledgement) {
            case .sent: figures.sent.add(message.name)
            case .awaits(let number):
                figures.sent.add(message.name)
                awaited.insert(number)
            case .notConnected: break sending
            case .refused(let reason):
                figures.refused.add()
                logger.warning("a message to the Shuttle cannot be sent", metadata: ["reason": "\(reason)"])
            }
            outbox.removeFirst()
        }
        tellDrops()
    }

    /// The first loss of an outage is told, the rest is counted.
    private func tellDrops() {
        let dropped = outbox.dropped
        figures.overflowed.set(dropped.overflowed)
        figures.stale.set(dropped.stale)
        figures.waiting.set(outbox.count)
        guard dropped.overflowed > 0, !toldDrops else { return }
        toldDrops = true
        logger.warning(
            "messages to the Shuttle are given up while it is away",
            metadata: ["kept": "\(limits.messages)", "age": "\(limits.age)", "dropped": "\(dropped.count)"])
    }
}

/// What a sink of this type counts. From any thread.
package final class XCALLYSinkFigures: Sendable {
    /// By the name of the message.
    package let sent = CounterFamily()
    package let acknowledged = Counter()
    package let unacknowledged = Counter()
    /// Messages given up: for younger ones, for their age, and because they cannot be sent as they are.
    package let overflowed = Counter()
    package let stale = Counter()
    package let refused = Counter()
    package let waiting = Counter()
    /// Lines that are no CallEvents.
    package let unreadable = Counter()

    package init() {}

    var metadata: Logger.Metadata {
        [
            "sent": "\(sent.current.values.reduce(0, +))", "acknowledged": "\(acknowledged.current)",
            "unacknowledged": "\(unacknowledged.current)", "overflowed": "\(overflowed.current)",
            "stale": "\(stale.current)", "refused": "\(refused.current)", "waiting": "\(waiting.current)",
            "unreadable": "\(unreadable.current)",
        ]
    }
}
