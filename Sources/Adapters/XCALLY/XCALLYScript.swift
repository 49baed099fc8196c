import BridgeCore
import Codecs

/// A recorded scenario as the play of a simulated Shuttle: its messages at their distances in time.
struct XCALLYScript: XCALLYPlay {
    private var steps: [XCALLYSimulatedEvent] = []
    private var next = 0

    /// `scenario` is a file as `cti-bridge scenario` plays it. Its first step is due at `start`; times are divided by `speed`.
    init(_ scenario: JSONValue, startingAt start: Timestamp, speed: Double) throws {
        guard let input = scenario["input"], input.kind == .array else {
            throw ReplayError("expected a scenario: an object with 'input'")
        }
        var first: Timestamp?
        for (index, item) in input.elements.enumerated() {
            guard let at = item["at"]?.string.flatMap({ Timestamp($0) }) else {
                throw ReplayError("input[\(index)].at is missing or malformed")
            }
            let begin = first ?? at
            first = begin
            let offset = Double(at.microseconds - begin.microseconds) / max(0.01, speed)
            let due = start.advanced(by: .microseconds(Int64(min(max(offset, 0), 1e15))))
            switch item["do"]?.string {
            case "message":
                guard let message = item["message"] else { throw ReplayError("input[\(index)].message is missing") }
                steps.append(XCALLYSimulatedEvent(due: due, content: Self.content(message)))
            case "disconnect": steps.append(XCALLYSimulatedEvent(due: due, content: .drop))
            case "connect", "wait": continue
            default: throw ReplayError("input[\(index)].do is none of message, connect, disconnect, wait")
            }
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
