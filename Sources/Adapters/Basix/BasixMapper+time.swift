import CallModel
import Codecs

/// What waits: all for the same two seconds, so in the order in which it began.
struct BasixTimers {
    enum Subject {
        /// For the call it belongs to.
        case leg(BasixLeg)
        /// Answered, for somebody who is bridged to it.
        case answer(BasixLeg)
        /// Bridged, for the news of whom to.
        case bridge(BasixCall)
        /// For somebody who goes on with a call that was transferred.
        case end(BasixCall)
    }

    struct Entry {
        let due: Timestamp
        let subject: Subject
    }

    private var entries: [Entry] = []
    private var start = 0

    mutating func add(_ subject: Subject, due: Timestamp) { entries.append(Entry(due: due, subject: subject)) }

    /// The first that is still waited for.
    mutating func first(where isWaiting: (Subject) -> Bool) -> Entry? {
        while start < entries.count, !isWaiting(entries[start].subject) { start += 1 }
        if start == entries.count {
            entries.removeAll(keepingCapacity: entries.count < 1024)
            start = 0
            return nil
        }
        if start > 1024, start * 2 > entries.count {
            entries.removeFirst(start)
            start = 0
        }
        return entries[start]
    }

    mutating func removeFirst() { start += 1 }
}

extension BasixMapper {
    /// When `advance` next has something to do.
    mutating func nextDeadline() -> Timestamp? {
        let first = timers.first(where: Self.isWaiting)?.due
        return [first, snapshotDue].compactMap { $0 }.min()
    }

    private static func isWaiting(_ subject: BasixTimers.Subject) -> Bool {
        switch subject {
        case .leg(let leg): leg.waitsUntil != nil
        case .answer(let leg): leg.awaitsBridge
        case .bridge(let call): call.awaitsPartner
        case .end(let call): call.pendingEnd != nil
        }
    }

    /// Lets everything happen that is due.
    mutating func advance(to now: Timestamp) {
        cause = Cause(receivedAt: now)
        if let due = snapshotDue, due <= now { finishSnapshot() }
        while let entry = timers.first(where: Self.isWaiting), entry.due <= now {
            timers.removeFirst()
            cause = Cause(receivedAt: now)
            switch entry.subject {
            case .leg(let leg): waitIsOver(leg)
            case .answer(let leg): answerWithoutBridge(leg)
            case .bridge(let call):
                cause.event = call.driver?.event ?? ""
                transition(call, isPartnerDue: true)
            case .end(let call): if let end = call.pendingEnd { finish(call, with: end) }
            }
        }
    }

    mutating func startTimer(_ subject: BasixTimers.Subject) {
        timers.add(subject, due: cause.receivedAt.advanced(by: Self.wait))
    }
}
