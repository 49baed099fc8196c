import Codecs

/// Calls of an invented call centre as Teleforge would tell them: a deterministic stream of elements for a seed.
///
/// Pure: the time is an argument. Numbers are from ranges that nobody is assigned.
package struct TeleforgeTraffic {
    /// One message and where it goes.
    package struct Message: Sendable, Equatable {
        package enum Place: Sendable, Equatable {
            /// A list, by its name behind the prefix.
            case list(String)
            /// A channel, likewise.
            case channel(String)
        }

        package let due: Timestamp
        package let place: Place
        package let json: String
    }

    /// Mean time between two new calls.
    private let interval: Duration
    /// Talk and waiting times are divided by this.
    private let speed: Double
    private var random: any RandomNumberGenerator
    private var pending: [Message] = []
    private var nextCall: Timestamp
    private var counter = 0
    private let epoch: Int64

    package init(
        callsPerSecond: Double, speed: Double = 1, startingAt start: Timestamp, random: any RandomNumberGenerator
    ) {
        interval = .microseconds(Int64(1_000_000 / min(max(callsPerSecond, 0.001), 100_000)))
        (self.speed, self.random, nextCall) = (max(0.01, speed), random, start)
        epoch = start.microseconds / 1_000_000
    }

    /// When there is something to send next.
    package var nextDue: Timestamp { pending.first.map { min($0.due, nextCall) } ?? nextCall }

    /// Everything due by `now`, in its order.
    package mutating func messages(until now: Timestamp) -> [Message] {
        while nextCall <= now {
            beginCall(at: nextCall)
            let factor = Double.random(in: 0.2...1.8, using: &random)
            nextCall = nextCall.advanced(by: interval * factor)
        }
        let count = pending.prefix { $0.due <= now }.count
        defer { pending.removeFirst(count) }
        return Array(pending[..<count])
    }

    private mutating func beginCall(at begun: Timestamp) {
        counter += 1
        let reference = "sim-\(epoch).\(counter)"
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<5: inboundAnswered(reference, begun)
        case 5..<6: inboundAbandoned(reference, begun)
        case 6..<8: clickToDial(reference, begun)
        default: diallerCall(reference, begun)
        }
    }

    // MARK: Calls

    private mutating func inboundAnswered(_ reference: String, _ begun: Timestamp) {
        let (caller, agent, contact) = (number(), self.agent(), self.contact())
        let (waited, talked) = (seconds(1...20), seconds(10...180))
        schedule(
            begun.advanced(by: .seconds(waited)), .list("inbound"), "call",
            [
                ("number", caller), ("dial_number", Self.ownNumber), ("hold_time", waited), ("call_ref", reference),
                ("contact_ref", contact), ("call_dir", "inbound"), ("ref", agent),
            ])
        let reason = ["callee_hungup", "agent_hungup", "hungup"].randomElement(using: &random) ?? "hungup"
        record(
            "cdr", reference, begun, total: waited + talked, agent: agent, client: caller, contact: contact,
            reason: reason, code: 16, direction: "inbound", extra: [("hold_time", waited), ("ref", "click-dial")])
    }

    private mutating func inboundAbandoned(_ reference: String, _ begun: Timestamp) {
        let waited = seconds(3...40)
        record(
            "cdr", reference, begun, total: waited, agent: nil, client: number(), contact: "", reason: "callee_hungup",
            code: 16, direction: "inbound", extra: [("hold_time", waited), ("ref", "click-dial")])
    }

    private mutating func clickToDial(_ reference: String, _ begun: Timestamp) {
        let (reason, code) = Self.outboundEnds.randomElement(using: &random) ?? ("hungup", 16)
        record(
            "cdr", reference, begun, total: seconds(5...90), agent: agent(), client: number(), contact: contact(),
            reason: reason, code: code, direction: "outbound", extra: [("hold_time", 0), ("ref", "click-dial")])
    }

    private mutating func diallerCall(_ reference: String, _ begun: Timestamp) {
        let (reason, code) = Self.outboundEnds.randomElement(using: &random) ?? ("hungup", 16)
        let agent = reason.hasSuffix("hungup") && Bool.random(using: &random) ? self.agent() : nil
        if let agent {
            schedule(
                begun, .channel("agents:\(agent)"), "status",
                [("status", "busy"), ("campaign_ref", "spring"), ("ref", agent)])
        }
        record(
            "campaigns", reference, begun, total: agent == nil ? 0 : seconds(10...90), agent: agent, client: number(),
            contact: contact(), reason: reason, code: code, direction: "outbound", extra: [("ref", "spring")])
    }

    private static let outboundEnds = [
        ("callee_hungup", 16), ("agent_hungup", 16), ("busy", 17), ("timeout", 18), ("reject", 21), ("voicemail", 16),
        ("error", 34),
    ]

    // MARK: Parts

    private static let ownNumber = "0105550100"

    private mutating func number() -> String { "0825550\(Int.random(in: 100...999, using: &random))" }
    private mutating func agent() -> String { String(Int.random(in: 1001...1012, using: &random)) }
    private mutating func contact() -> String {
        Bool.random(using: &random) ? "ACC-\(Int.random(in: 1000...9999, using: &random))" : ""
    }

    private mutating func seconds(_ range: ClosedRange<Int>) -> Int {
        Int((Double(Int.random(in: range, using: &random)) / speed).rounded(.up))
    }

    private mutating func record(
        _ list: String, _ reference: String, _ begun: Timestamp, total: Int, agent: String?, client: String,
        contact: String, reason: String, code: Int, direction: String, extra: [(String, Any)]
    ) {
        let fields: [(String, Any?)] =
            [
                ("extension", agent), ("number", client), ("dial_number", Self.ownNumber), ("call_ref", reference),
                ("contact_ref", contact), ("dialed_at", Int(begun.microseconds / 1_000_000)), ("end_reason", reason),
                ("end_code", code), ("call_time", total), ("call_dir", direction),
                ("recording_url", "rec-\(reference)"),
            ] + extra.map { ($0.0, $0.1 as Any?) }
        schedule(begun.advanced(by: .seconds(total)), .list(list), "cdr", fields)
    }

    private mutating func schedule(
        _ due: Timestamp, _ place: Message.Place, _ type: String, _ fields: [(String, Any?)]
    ) {
        var writer = ByteWriter(capacity: 512)
        writer.append("{\"type\":")
        writer.append(jsonString: type)
        writer.append(",\"payload\":{")
        for (index, field) in fields.enumerated() {
            if index > 0 { writer.append(UInt8(ascii: ",")) }
            writer.append(jsonString: field.0)
            writer.append(UInt8(ascii: ":"))
            switch field.1 {
            case let text as String: writer.append(jsonString: text)
            case let number as Int: writer.append(decimal: Int64(number))
            default: writer.append("null")
            }
        }
        writer.append("}}")
        let message = Message(due: due, place: place, json: String(decoding: writer.bytes, as: UTF8.self))
        let position = pending.firstIndex { $0.due > due } ?? pending.count
        pending.insert(message, at: position)
    }
}
