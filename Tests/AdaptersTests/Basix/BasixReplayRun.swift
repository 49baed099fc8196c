import BridgeCore
import CallModel
import Codecs
import Foundation
import TestSupport

@testable import Adapters

/// Plays a scenario through mapper and tracker, and can lose the link or the whole process in between.
struct BasixReplayRun {
    private let scenario: ReplayScenario
    private var replayer: BasixReplayer
    private var tracker: TrackerBox
    private(set) var events: [CallEvent] = []
    private var directory: [UInt8] = []
    private var isUp = false
    /// The PBX's channels, as a state dump would show them now, in the order in which they came.
    private var channels: [(uuid: String, record: JSONValue)] = []

    private final class TrackerBox {
        var value: CallTracker
        let source: Int

        init(_ profile: SourceProfile) {
            value = CallTracker(stream: UUID128(high: 1, low: 2))
            source = value.register(profile)
        }
    }

    init(_ scenario: ReplayScenario) {
        self.scenario = scenario
        replayer = BasixReplayer(name: "tokyo", raw: scenario.raw)
        tracker = TrackerBox(Self.profile(scenario, replayer))
    }

    private static func profile(_ scenario: ReplayScenario, _ replayer: BasixReplayer) -> SourceProfile {
        var profile = SourceProfile(vendor: "basix", name: "tokyo", tenant: "acme", lifecycle: scenario.lifecycle)
        replayer.complete(&profile)
        return profile
    }

    /// Everything, with interruptions before the steps of these numbers.
    mutating func play(interruptedBefore stops: Set<Int> = [], by interruption: Interruption = .reconnect) throws {
        for (index, step) in scenario.steps.enumerated() {
            if stops.contains(index), isUp { try interrupt(interruption, at: step.at) }
            try passTime(to: step.at)
            switch step.action {
            case "connect": connect(at: step.at)
            case "disconnect": disconnect(at: step.at)
            case "message":
                guard let message = step.message else { continue }
                note(message)
                try take(message, at: step.at)
            default: break
            }
        }
    }

    private mutating func interrupt(_ interruption: Interruption, at time: Timestamp) throws {
        // Before the step itself, and after everything that was due.
        let now = max(time.advanced(by: .microseconds(-10)), events.last?.receivedAt ?? time)
        try passTime(to: now)
        switch interruption {
        case .reconnect: disconnect(at: now)
        case .restart:
            if let note = replayer.takeNote() { directory = note }
            tracker = TrackerBox(Self.profile(scenario, replayer))
            for event in events { tracker.value.restore(try LineReader.read(LineWriter.text(event))) }
            tracker.value.runStarted(afterCrash: true)
            let open = tracker.value.takeRecentCalls(of: tracker.source)
            replayer = BasixReplayer(name: "tokyo", raw: scenario.raw, recentCalls: open, directory: directory)
            isUp = false
        }
        connect(at: now)
        try take(snapshot, at: now)
    }

    /// What a server would dump now.
    private var snapshot: JSONValue {
        var text = ByteWriter()
        text.append(#"{"msg":"initial_info","element":"channel","items":["#)
        for (index, channel) in channels.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            text.append(json: channel.record)
        }
        text.append("]}")
        // Written by ourselves, so it is JSON.
        return (try? JSONDocument(text.bytes, limits: JSONLimits(bytes: 64 << 20, depth: 64)).root)
            ?? channels[0].record
    }

    private mutating func note(_ message: JSONValue) {
        guard message["element"]?.string == "channel" else { return }
        if message["msg"]?.string == "initial_info" {
            channels = (message["items"]?.elements ?? []).compactMap { item in
                item["uuid"]?.string.map { (uuid: $0, record: item) }
            }
        } else if let info = message["info"], let uuid = info["uuid"]?.string {
            let known = channels.firstIndex { $0.uuid == uuid }
            let isOver = message["event"]?.string == "removed" || info["hangup_timestamp"] != nil
            if let known { channels.remove(at: known) }
            if !isOver { channels.insert((uuid, info), at: known ?? channels.count) }
        }
    }

    private mutating func connect(at time: Timestamp) {
        tracker.value.linkUp(source: tracker.source, attempt: 1, at: time)
        replayer.linkUp()
        isUp = true
        collect()
    }

    private mutating func disconnect(at time: Timestamp) {
        replayer.linkDown()
        tracker.value.linkDown(source: tracker.source, reason: "test", lastGood: time, at: time)
        isUp = false
        collect()
    }

    private mutating func take(_ message: JSONValue, at time: Timestamp) throws {
        var facts: [CallFact] = []
        try replayer.facts(of: message, at: time, into: &facts)
        apply(facts, at: time)
    }

    private mutating func passTime(to time: Timestamp) throws {
        while let due = [replayer.nextDeadline, tracker.value.nextDeadline].compactMap({ $0 }).min(), due <= time {
            var facts: [CallFact] = []
            replayer.advance(to: due, into: &facts)
            apply(facts, at: due)
            tracker.value.advance(to: due)
            collect()
        }
    }

    private mutating func apply(_ facts: [CallFact], at time: Timestamp) {
        for fact in facts { tracker.value.apply(fact, from: tracker.source, receivedAt: time) }
        collect()
    }

    private mutating func collect() { events += tracker.value.takeOutput().map(\.event) }

    /// The lines of calls, short: what is told, not how it came to be known. That a phone or a party had gone may be told
    /// by its own message or by a dump without it, so for these the id does not count.
    var calls: [String] {
        events.filter { $0.call != nil }.map { event in
            var words = [event.kind.name, event.call?.id ?? ""]
            if event.kind != .callLeft, event.kind != .callRingStopped { words.append(event.id.description) }
            if let agent = event.body.agent { words.append("agent:\(agent.id)") }
            return words.joined(separator: " ")
        }
    }
}
