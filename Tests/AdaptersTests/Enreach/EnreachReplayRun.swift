import BridgeCore
import CallModel
import Codecs
import Foundation
import TestSupport

@testable import Adapters

/// Mapper and tracker as they stand behind a source; can lose the link or the whole process.
struct EnreachRun {
    private final class Box {
        var mapper: EnreachMapper
        var tracker: CallTracker
        let source: Int

        init(_ profile: SourceProfile, raw: RawPolicy, limits: EnreachMapper.Limits) {
            mapper = EnreachMapper(raw: raw, limits: limits)
            tracker = CallTracker(stream: UUID128(high: 0x0192_f0c4_8a00_7000, low: 0x8000_0000_0000_0001))
            source = tracker.register(profile)
        }
    }

    private let profile: SourceProfile
    private let raw: RawPolicy
    private let limits: EnreachMapper.Limits
    private var box: Box
    private(set) var events: [CallEvent] = []
    private(set) var isUp = false

    init(
        lifecycle: SourceProfile.Lifecycle = .strict, raw: RawPolicy = .onUnmapped,
        limits: EnreachMapper.Limits = EnreachMapper.Limits()
    ) {
        var profile = SourceProfile(vendor: "enreach", name: "hel", lifecycle: lifecycle)
        EnreachConfiguration.complete(&profile)
        (self.profile, self.raw, self.limits) = (profile, raw, limits)
        box = Box(profile, raw: raw, limits: limits)
    }

    var lines: [String] { events.map { LineWriter.text($0) } }
    var memory: (calls: Int, kinds: Int, notices: Int) {
        (box.mapper.calls.count, box.mapper.kinds.count, box.mapper.notices.count)
    }
    var unmappedCount: Int { box.mapper.unmappedCount }

    mutating func take(_ message: JSONValue, at time: Timestamp) { take(.message(message), at: time) }

    mutating func take(_ input: EnreachInput, at time: Timestamp) {
        passTime(to: time)
        box.mapper.take(input, at: time)
        for fact in box.mapper.takeFacts() { box.tracker.apply(fact, from: box.source, receivedAt: time) }
        collect()
    }

    mutating func passTime(to time: Timestamp) {
        while let due = box.tracker.nextDeadline, due <= time {
            box.tracker.advance(to: due)
            collect()
        }
    }

    mutating func connect(at time: Timestamp) {
        passTime(to: time)
        box.tracker.linkUp(source: box.source, attempt: 1, at: time)
        box.mapper.take(.connected, at: time)
        isUp = true
        collect()
    }

    mutating func disconnect(at time: Timestamp, reason: String = "test") {
        passTime(to: time)
        box.mapper.take(.lost, at: time)
        box.tracker.linkDown(source: box.source, reason: reason, lastGood: time, at: time)
        isUp = false
        collect()
    }

    mutating func interrupt(_ interruption: Interruption, at time: Timestamp) {
        passTime(to: time)
        switch interruption {
        case .reconnect: disconnect(at: time)
        case .restart:
            box = Box(profile, raw: raw, limits: limits)
            for event in events {
                // Written by ourselves, so it is a line.
                guard let read = try? LineReader.read(LineWriter.text(event)) else { continue }
                box.tracker.restore(read)
            }
            box.tracker.runStarted(afterCrash: true)
            let recent = box.tracker.takeRecentCalls(of: box.source)
            box.mapper = EnreachMapper(raw: raw, recentCalls: recent, limits: limits)
            isUp = false
        }
        connect(at: time)
    }

    /// Everything, with interruptions before the steps of these numbers.
    mutating func play(
        _ scenario: ReplayScenario, interruptedBefore stops: Set<Int> = [], by interruption: Interruption = .reconnect
    ) {
        for (index, step) in scenario.steps.enumerated() {
            if stops.contains(index), index > 0 {
                let now = max(step.at.advanced(by: .microseconds(-10)), events.last?.receivedAt ?? step.at)
                if !isUp { connect(at: now) }
                interrupt(interruption, at: now)
            }
            switch step.action {
            case "connect": if !isUp { connect(at: step.at) }
            case "disconnect": disconnect(at: step.at)
            case "message": if let message = step.message { take(message, at: step.at) }
            default: break
            }
        }
    }

    private mutating func collect() { events += box.tracker.takeOutput().map(\.event) }

    /// The lines of calls, short: which facts are told, not how they came to be known.
    var calls: [String] {
        events.compactMap { event in
            guard event.call != nil, event.kind != .callAbandoned else { return nil }
            var words = [event.kind.name, event.call?.id ?? "", event.id.description]
            if let agent = event.body.agent { words.append("agent:\(agent.id)") }
            return words.joined(separator: " ")
        }
    }
}

/// Messages as tests write them.
enum EnreachJSON {
    static func value(_ text: String) throws -> JSONValue {
        try JSONDocument(Array(text.utf8), limits: JSONLimits(bytes: 64 << 20, depth: 64)).root
    }

    static func message(_ event: String, _ data: String, entity: String = "a1eeb030-ff4b-ea11-ac9c-00155d4fdcf3") throws
        -> JSONValue
    { try value(#"{"subscription":{"entityId":"\#(entity)","eventName":"\#(event)"},"data":{\#(data)}}"#) }
}
