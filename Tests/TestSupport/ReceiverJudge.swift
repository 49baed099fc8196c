import Foundation

/// What one receiver got, in the order in which it came: an event may come again as long as it is the same, and the events of a
/// call come for the first time in their order, without a hole. Knows events only, nothing of the bridge's code.
public struct ReceiverJudge {
    /// Everything that must not be, in words.
    public private(set) var faults: [String] = []
    /// Events that came again.
    public private(set) var repeats = 0
    private var events: [String: Data] = [:]
    private var sequences: [String: Int] = [:]

    public var ids: Set<String> { Set(events.keys) }

    /// Each of `texts` is an event, or an array of them.
    public init(_ texts: some Sequence<String>) {
        for text in texts {
            switch try? JSONSerialization.jsonObject(with: Data(text.utf8)) {
            case let event as [String: Any]: take(event)
            case let events as [[String: Any]]: for event in events { take(event) }
            default: faults.append("no event: \(text.prefix(120))")
            }
        }
    }

    private mutating func take(_ event: [String: Any]) {
        guard let id = event["id"] as? String,
            let bytes = try? JSONSerialization.data(withJSONObject: event, options: .sortedKeys)
        else { return faults.append("an event without an id") }
        if let earlier = events[id] {
            repeats += 1
            if earlier != bytes { faults.append("\(id) came twice with different contents") }
            return
        }
        events[id] = bytes
        guard let call = event["call"] as? [String: Any], let callID = call["id"] as? String,
            let sequence = call["seq"] as? Int
        else { return }
        let last = sequences.updateValue(sequence, forKey: callID) ?? 0
        if sequence != last + 1 { faults.append("number \(sequence) of \(callID) follows \(last)") }
    }

    /// Compares with what was stored: nothing is missing, and nothing is there that was not stored.
    public mutating func expect(_ stored: Set<String>) {
        let (missing, unknown) = (stored.subtracting(ids), ids.subtracting(stored))
        if !missing.isEmpty { faults.append("\(missing.count) events are missing: \(missing.prefix(3).sorted())") }
        if !unknown.isEmpty {
            faults.append("\(unknown.count) events were never stored: \(unknown.prefix(3).sorted())")
        }
    }
}
