import BridgeCore
import CallModel
import Codecs

/// A recorded scenario: vendor messages with their times, and the exact lines that they become.
///
/// File: `{"name", "about", "config": {"source": {"vendor", "name", "tenant"}, "stream", "lifecycle", "raw"},
/// "input": [{"at", "do": "message" | "connect" | "disconnect" | "wait", "message"}], "expected": [line, …]}`.
struct Scenario {
    enum Step {
        case message(JSONValue)
        case connect
        case disconnect(reason: String)
        /// Only time passes.
        case wait
    }

    let name: String
    let vendor: String
    let source: String
    let tenant: String?
    let stream: UUID128
    let lifecycle: SourceProfile.Lifecycle
    let raw: RawPolicy
    let input: [(at: Timestamp, step: Step)]
    let expected: [String]

    init(_ bytes: [UInt8]) throws {
        let root: JSONValue
        do {
            root = try JSONDocument(bytes, limits: JSONLimits(bytes: 64 << 20, depth: 64)).root
        } catch {
            throw ScenarioError("expected a scenario in JSON: \(error)")
        }
        func need<Value>(_ value: Value?, _ member: String) throws -> Value {
            guard let value else { throw ScenarioError("member '\(member)' is missing or malformed") }
            return value
        }
        let config = try need(root["config"], "config")
        let source = try need(config["source"], "config.source")
        name = root["name"]?.string ?? "scenario"
        vendor = try need(source["vendor"]?.string, "config.source.vendor")
        self.source = try need(source["name"]?.string, "config.source.name")
        tenant = source["tenant"]?.string
        stream = try need(config["stream"]?.string.flatMap { UUID128($0) }, "config.stream")
        lifecycle = try need(
            SourceProfile.Lifecycle(rawValue: config["lifecycle"]?.string ?? "strict"), "config.lifecycle")
        raw = try need(RawPolicy(rawValue: config["raw"]?.string ?? "on_unmapped"), "config.raw")
        input = try need(root["input"]?.elements, "input").enumerated().map { index, item in
            let at = try need(item["at"]?.string.flatMap { Timestamp($0) }, "input[\(index)].at")
            switch try need(item["do"]?.string, "input[\(index)].do") {
            case "message": return (at, .message(try need(item["message"], "input[\(index)].message")))
            case "connect": return (at, .connect)
            case "disconnect": return (at, .disconnect(reason: item["reason"]?.string ?? "closed"))
            case "wait": return (at, .wait)
            case let other: throw ScenarioError("input[\(index)].do is '\(other)'")
            }
        }
        expected = (root["expected"]?.elements ?? []).compactMap(\.string)
    }

    private static func next(_ first: Timestamp?, _ second: Timestamp?) -> Timestamp? {
        guard let first, let second else { return first ?? second }
        return min(first, second)
    }

    /// The lines that this program makes of the input, with the clock of the scenario.
    func play(_ factory: (String) -> (any SourceFactory.Type)?) throws -> [String] {
        guard let type = factory(vendor) else { throw ScenarioError("vendor '\(vendor)' is unknown") }
        let replayer = type.makeReplayer(name: source, raw: raw)
        var profile = SourceProfile(vendor: vendor, name: source, tenant: tenant, lifecycle: lifecycle)
        replayer.complete(&profile)
        var tracker = CallTracker(stream: stream)
        let handle = tracker.register(profile)
        var attempt = 0
        for (at, step) in input {
            while let due = Self.next(tracker.nextDeadline, replayer.nextDeadline), due <= at {
                var facts: [CallFact] = []
                replayer.advance(to: due, into: &facts)
                for fact in facts { tracker.apply(fact, from: handle, receivedAt: due) }
                tracker.advance(to: due)
            }
            switch step {
            case .message(let message):
                var facts: [CallFact] = []
                try replayer.facts(of: message, at: at, into: &facts)
                for fact in facts { tracker.apply(fact, from: handle, receivedAt: at) }
            case .connect:
                attempt += 1
                tracker.linkUp(source: handle, attempt: attempt, at: at)
                replayer.linkUp()
                attempt = 0
            case .disconnect(let reason):
                replayer.linkDown()
                tracker.linkDown(source: handle, reason: reason, lastGood: at, at: at)
            case .wait: break
            }
        }
        return tracker.output.map { LineWriter.text($0.event) }
    }
}

struct ScenarioError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
