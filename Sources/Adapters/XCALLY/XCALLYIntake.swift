import BridgeCore
import CallModel
import Codecs
import NIOCore
import WireProtocols

/// From events of a connection to the pipeline, whoever connected to whom: mapping, counting, and back-pressure. Confined to
/// the tenant's event loop.
///
/// Nothing waits at the vendor. While the store cannot keep up the owner leaves its sockets unread; a peer that cuts them for
/// that makes a gap.
final class XCALLYIntake {
    private let context: any SourceContext
    private let limits: JSONLimits
    private let setReading: (Bool) -> Void
    private var mapper: XCALLYMapper
    private var counted: XCALLYMapper.Counts
    private var burstBegan: Timestamp?
    private var arrived = 0
    private var unstored = UnstoredMessages()
    /// Answers to what arrived in this burst.
    private var answers: [() -> Void] = []

    /// `setReading` had better hold its owner weakly.
    init(
        context: any SourceContext, raw: RawPolicy, limits: JSONLimits, setReading: @escaping (Bool) -> Void
    ) {
        (self.context, self.limits, self.setReading) = (context, limits, setReading)
        mapper = XCALLYMapper(raw: raw)
        counted = mapper.counts
    }

    /// An event of a Shuttle. True where it tells of a call.
    func take(_ event: SocketIOEvent) -> Bool {
        let argument = event.firstArgument
        return take(XCALLYReading(name: event.name, argument: argument, limits: limits))
    }

    /// An event of a script that connected to us: what it pushes is an event of the Shuttle, and so is an event that it
    /// passes on as it came.
    func takePushed(_ event: SocketIOEvent) -> Bool {
        guard event.name == "RealtimeCTI" else { return take(event) }
        return take(XCALLYReading(pushed: event.firstArgument, limits: limits))
    }

    /// Calls `answer` when what was taken before is on the disk.
    func whenStored(_ answer: @escaping () -> Void) { answers.append(answer) }

    private func take(_ reading: XCALLYReading) -> Bool {
        let now = burstBegan ?? context.now()
        (burstBegan, arrived) = (now, arrived + 1)
        mapper.take(reading, receivedAt: now)
        guard case .call(let message, _) = reading, message.callID != nil else { return false }
        return true
    }

    /// The burst is over: what came goes to the store.
    func flush() {
        guard arrived > 0 else { return }
        let (count, now) = (arrived, burstBegan ?? context.now())
        (arrived, burstBegan) = (0, nil)
        context.metrics.received.add(count)
        tellCounts(now)
        let (facts, answers) = (mapper.takeFacts(), answers)
        self.answers = []
        guard !facts.isEmpty else {
            for answer in answers { answer() }
            return
        }
        context.ingest(facts, receivedAt: now)
        context.commit { [weak self] in
            for answer in answers { answer() }
            guard let self, unstored.stored(count) else { return }
            setReading(true)
        }
        if unstored.handedIn(count) { setReading(false) }
    }

    /// The sockets are new, and read.
    func connectionChanged() { unstored.linkLost() }

    private func tellCounts(_ now: Timestamp) {
        let (before, after, metrics) = (counted, mapper.counts, context.metrics)
        counted = after
        metrics.unmapped.add(after.unmapped - before.unmapped)
        for event in XCALLYEvent.allCases { metrics.events.add(event.rawValue, after[event] - before[event]) }
        if after.events != before.events { metrics.lastEvent.set(Int(now.microseconds / 1_000_000)) }
        metrics.dropped.add("foreign", after.foreign - before.foreign)
        metrics.dropped.add("echo", after.verbs - before.verbs)
        metrics.dropped.add("unusable_value", after.unusable - before.unusable)
        metrics.dropped.add("trimmed_extra", after.trimmed - before.trimmed)
        metrics.dropped.add("clock_skew", after.skewed - before.skewed)
    }
}
