import BridgeCore
import Codecs

/// A recorded scenario as the play of a simulated Shuttle: its messages at their distances in time.
struct XCALLYScript: XCALLYPlay {
    private var steps: [XCALLYSimulatedEvent] = []
    private var next = 0

    /// `scenario` is a file as `cti-bridge scenario` plays it. Its first step is due at `start`; times are divided by `speed`.
    init(_ scenario: JSONValue, startingAt start: Timestamp, speed: Double) throws {
        steps = try RecordedPlay.steps(of: scenario, startingAt: start, speed: speed, read: Self.content).map {
            XCALLYSimulatedEvent(due: $0.due, content: $0.content ?? .drop)
        }
    }

    var nextDue: Timestamp? { next < steps.count ? steps[next].due : nil }

    mutating func events(until now: Timestamp) -> [XCALLYSimulatedEvent] {
        let begin = next
        while next < steps.count, steps[next].due <= now { next += 1 }
        return Array(steps[begin..<next])
    }

    /// A payload, or a name and the payload.
    private static func content(_ message: JSONValue) -> XCALLYSimulatedEvent.Content {
        let isWhole = message.kind == .array
        let name = isWhole ? message.elements.first?.string : message["event"]?.string
        let payload = isWhole ? message.elements.dropFirst().first : message
        var writer = ByteWriter(capacity: 512)
        if let payload { writer.append(json: payload) } else { writer.append("{}") }
        return .event(name: name ?? "message", payload: String(decoding: writer.bytes, as: UTF8.self))
    }
}
