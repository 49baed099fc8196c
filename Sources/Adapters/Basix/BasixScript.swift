import BridgeCore
import Codecs

/// A recorded scenario as the play of a simulated PBX: its messages at their distances in time, and the state that they
/// have led to for whoever connects meanwhile.
struct BasixScript: BasixPlay {
    private struct Item {
        let key: String
        let json: String
    }

    /// nil: a cut of the connection.
    private let steps: [(due: Timestamp, content: JSONValue?)]
    private var next = 0
    /// What there is of each element, in the order in which it came.
    private var state: [(element: String, items: [Item])] = []

    /// `scenario` is a file as `cti-bridge scenario` plays it. Its first step is due at `start`; times are divided by `speed`.
    init(_ scenario: JSONValue, startingAt start: Timestamp, speed: Double) throws {
        steps = try RecordedPlay.steps(of: scenario, startingAt: start, speed: speed) { message in
            var encoder = BasixNotationEncoder()
            _ = try encoder.frames(of: message)
            return message
        }
        state = BasixNotationEncoder.documentedLayouts.map { (element: $0.element, items: []) }
            .filter { !["queued_channel", "parked_channel"].contains($0.element) }
    }

    var nextDue: Timestamp? { next < steps.count ? steps[next].due : nil }

    mutating func messages(until now: Timestamp) -> [BasixSimulatedMessage] {
        var messages: [BasixSimulatedMessage] = []
        while next < steps.count, steps[next].due <= now {
            let (due, message) = steps[next]
            next += 1
            if let message {
                take(in: message)
                messages.append(BasixSimulatedMessage(due: due, content: .notation(Self.text(message))))
            } else {
                messages.append(BasixSimulatedMessage(due: due, content: .drop))
            }
        }
        return messages
    }

    func snapshot() -> [String] {
        state.map { element, items in
            #"{"msg":"initial_info","element":"\#(element)","items":[\#(items.map(\.json).joined(separator: ","))]}"#
        }
    }

    private mutating func take(in message: JSONValue) {
        guard let element = message["element"]?.string, message["msg"]?.string != "field_spec" else { return }
        var place = state.firstIndex { $0.element == element }
        if place == nil {
            state.append((element, []))
            place = state.count - 1
        }
        guard let place else { return }
        if message["msg"]?.string == "initial_info" {
            state[place].items = (message["items"]?.elements ?? []).map(Self.item)
        } else if let info = message["info"] {
            let item = Self.item(info)
            let known = state[place].items.firstIndex { $0.key == item.key }
            if message["event"]?.string == "removed" {
                if let known { state[place].items.remove(at: known) }
            } else if let known {
                state[place].items[known] = item
            } else {
                state[place].items.append(item)
            }
        }
    }

    private static func item(_ record: JSONValue) -> Item {
        let key = (record["uuid"] ?? record["id"] ?? record["name"]).map { $0.string ?? $0.numberText ?? "" } ?? ""
        return Item(key: key, json: text(record))
    }

    private static func text(_ value: JSONValue) -> String {
        var writer = ByteWriter(capacity: 1024)
        writer.append(json: value)
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}
