import CallModel
import Codecs
import Store

/// Brings a tracker to where the stored lines end: the checkpoint, the lines of calls that were in memory then, and
/// everything written since.
enum TrackerRestorer {
    /// How a run before this one ended.
    struct Past: Equatable {
        /// There was one in this stream.
        var hasRun = false
        /// It said `bridge.stopped`.
        var stoppedInOrder = false
        /// Lines read back, and those of them that are no CallEvents: changed by hand, or written by a newer version.
        var linesRead = 0
        var unreadable = 0
    }

    /// Returns the tracker with `profiles` registered in their order, and what came before.
    static func restore(
        from store: Store, profiles: [SourceProfile], limits: TrackerLimits = TrackerLimits()
    ) throws -> (tracker: RestoredTracker, past: Past) {
        let tracker = RestoredTracker(stream: store.stream, limits: limits, profiles: profiles)
        var past = Past()
        var from = store.firstSeq
        if let checkpoint = store.loadCheckpoint(), checkpoint.seq <= store.lastSeq,
            let pointers = tracker.value.restoreCheckpoint(checkpoint.data)
        {
            for pointer in pointers {
                let events = try chain(endingAt: pointer.lastSeq, in: store, &past)
                past.linesRead += events.count
                tracker.value.restoreCall(events, pointer)
            }
            from = max(from, checkpoint.seq + 1)
            past.hasRun = true
        }
        if from <= store.lastSeq {
            try store.forEachLine(from: from, through: store.lastSeq) { _, _, _, line in
                past.linesRead += 1
                if let event = try? LineReader.read(line) { tracker.value.restore(event) } else { past.unreadable += 1 }
                return true
            }
        }
        if let last = try store.line(store.lastSeq) {
            past.hasRun = true
            past.stoppedInOrder = event(last.line)?.kind == .bridgeStopped
        }
        return (tracker, past)
    }

    /// The lines of one call, oldest first, along the chain of previous ones; those that retention removed are missing.
    private static func chain(endingAt last: Int64, in store: Store, _ past: inout Past) throws -> [CallEvent] {
        var events: [CallEvent] = []
        var seq = last
        while seq > 0, let (previous, line) = try store.line(seq) {
            if let event = event(line) { events.append(event) } else { past.unreadable += 1 }
            guard previous < seq else { break }
            seq = previous
        }
        return events.reversed()
    }

    private static func event(_ line: [UInt8]) -> CallEvent? {
        line.withUnsafeBytes { try? LineReader.read($0) }
    }
}

/// A tracker on its way to the pipeline, which takes it out once.
final class RestoredTracker {
    var value: CallTracker

    init(stream: UUID128, limits: TrackerLimits, profiles: [SourceProfile]) {
        value = CallTracker(stream: stream, limits: limits)
        for profile in profiles { _ = value.register(profile) }
    }

    /// The tracker; an empty one stays behind.
    func take() -> CallTracker {
        var empty = CallTracker(stream: value.stream)
        swap(&empty, &value)
        return empty
    }
}
