import BridgeCore
import Codecs

/// A recorded scenario for a simulator to play: what is to be said, at its distances in time.
enum RecordedPlay {
    /// `scenario` is a file as `cti-bridge scenario` plays it. Its first step is due at `start`; distances are divided by
    /// `speed`. `read` takes a message; nil in what comes back is a cut of the connection.
    static func steps<Content>(
        of scenario: JSONValue, startingAt start: Timestamp, speed: Double, read: (JSONValue) throws -> Content
    ) throws -> [(due: Timestamp, content: Content?)] {
        guard let input = scenario["input"], input.kind == .array else {
            throw ReplayError("expected a scenario: an object with 'input'")
        }
        var steps: [(due: Timestamp, content: Content?)] = []
        var first: Timestamp?
        for (index, item) in input.elements.enumerated() {
            guard let at = item["at"]?.string.flatMap({ Timestamp($0) }) else {
                throw ReplayError("input[\(index)].at is missing or malformed")
            }
            let begin = first ?? at
            first = begin
            let offset = Double(at.microseconds - begin.microseconds) / max(0.01, speed)
            // Steps may go back in time, and centuries ahead.
            let due = start.advanced(by: .microseconds(Int64(min(max(offset, 0), 1e15))))
            switch item["do"]?.string {
            case "message":
                guard let message = item["message"] else { throw ReplayError("input[\(index)].message is missing") }
                steps.append((due, try read(message)))
            case "disconnect": steps.append((due, nil))
            case "connect", "wait": continue
            default: throw ReplayError("input[\(index)].do is none of message, connect, disconnect, wait")
            }
        }
        return steps
    }
}
