import Codecs

/// What a simulated Shuttle says: events with their times.
protocol XCALLYPlay {
    /// When there is something to say next; nil: nothing more.
    var nextDue: Timestamp? { get }
    /// Everything due by `now`, in its order.
    mutating func events(until now: Timestamp) -> [XCALLYSimulatedEvent]
}

struct XCALLYSimulatedEvent {
    enum Content {
        /// The name of the event, and its payload in JSON.
        case event(name: String, payload: String)
        /// Every connection is cut, without a word.
        case drop
    }

    let due: Timestamp
    let content: Content
}

/// Calls of an invented contact centre: a deterministic stream for a seed, with every sequence that a Shuttle is known for
/// (note, section 4.5).
///
/// Pure: the time is an argument. Numbers are from ranges that nobody is assigned.
struct XCALLYTraffic: XCALLYPlay {
    struct Member {
        let name: String
        let number: String
        let peer: String
    }

    static let members: [Member] = [
        Member(name: "Andrea Bianco", number: "1000", peer: "SIP/andrea.bianco"),
        Member(name: "Giulia Rossi", number: "1001", peer: "SIP/giulia.rossi"),
        Member(name: "Zoë Müller", number: "1002", peer: "SIP/zoe.mueller"),
        Member(name: "John Doe", number: "1003", peer: "SIP/john.doe"),
        Member(name: "Jane Roe", number: "1004", peer: "SIP/jane.roe"),
        Member(name: "Luca Ferrari", number: "1005", peer: "SIP/luca.ferrari"),
    ]
    static let queues = ["Sales", "Support", "CC-SIPP"]

    /// Mean time between two new calls.
    private let interval: Duration
    /// Talk and waiting times are divided by this.
    private let speed: Double
    private var random: any RandomNumberGenerator
    private var pending: [(due: Timestamp, name: String, payload: String)] = []
    private var nextCall: Timestamp
    private var counter = 900
    /// Until when a member is in a call.
    private var busyUntil: [String: Timestamp] = [:]

    /// One caller on his way.
    private struct Call {
        let uniqueID: String
        let begin: Timestamp
        let number: String
        let name: String
        let channel: String
        /// Custom variables and the fields of 2020, or none.
        let more: [(name: String, value: String)]
        var queue: String
        var entered: Timestamp
    }

    init(callsPerSecond: Double, speed: Double = 1, startingAt start: Timestamp, random: any RandomNumberGenerator) {
        interval = .microseconds(Int64(1_000_000 / min(max(callsPerSecond, 0.001), 10_000)))
        (self.speed, self.random, nextCall) = (max(0.01, speed), random, start)
    }

    var nextDue: Timestamp? { pending.first.map { min($0.due, nextCall) } ?? nextCall }

    mutating func events(until now: Timestamp) -> [XCALLYSimulatedEvent] {
        while nextCall <= now {
            beginCall(at: nextCall)
            nextCall = nextCall.advanced(by: interval * Double.random(in: 0.2...1.8, using: &random))
        }
        let count = pending.prefix { $0.due <= now }.count
        defer { pending.removeFirst(count) }
        return pending[..<count].map {
            XCALLYSimulatedEvent(due: $0.due, content: .event(name: $0.name, payload: $0.payload))
        }
    }

    // MARK: - Calls

    private mutating func beginCall(at time: Timestamp) {
        switch Int.random(in: 0..<14, using: &random) {
        case 0..<4: plain(at: time)
        case 4..<7: ringAll(at: time)
        case 7: gaveUp(at: time)
        case 8: gaveUpEarly(at: time)
        case 9: nextAgent(at: time)
        case 10: retries(at: time)
        case 11..<13: transferred(at: time)
        default: outbound(at: time)
        }
    }

    private mutating func plain(at time: Timestamp) {
        var call = call(at: time)
        guard let member = idle(at: time).first else { return abandon(call, after: seconds(5...40)) }
        talk(&call, member, ringing: [member], from: time)
    }

    private mutating func ringAll(at time: Timestamp) {
        var call = call(at: time)
        let ringing = Array(idle(at: time).prefix(3))
        guard let member = ringing.randomElement(using: &random) else { return abandon(call, after: seconds(5...40)) }
        talk(&call, member, ringing: ringing, from: time)
    }

    private mutating func gaveUp(at time: Timestamp) {
        let call = call(at: time)
        let ringing = Array(idle(at: time).prefix(2))
        let begin = call.entered.advanced(by: seconds(0.2...2))
        for member in ringing { say(begin, "ringing", call, member) }
        abandon(call, after: seconds(8...30))
    }

    private mutating func gaveUpEarly(at time: Timestamp) { abandon(call(at: time), after: seconds(5...60)) }

    /// Nothing tells that the first one missed it.
    private mutating func nextAgent(at time: Timestamp) {
        var call = call(at: time)
        let idle = idle(at: time)
        guard idle.count >= 2 else { return abandon(call, after: seconds(5...40)) }
        let begin = call.entered.advanced(by: seconds(0.2...1))
        say(begin, "ringing", call, idle[0])
        talk(&call, idle[1], ringing: [idle[1]], from: begin.advanced(by: seconds(20...20)))
    }

    private mutating func retries(at time: Timestamp) {
        let call = call(at: time)
        guard let member = idle(at: time).first else { return abandon(call, after: seconds(5...40)) }
        var begin = call.entered.advanced(by: seconds(0.2...1))
        for _ in 0..<3 {
            say(begin, "ringing", call, member)
            begin = begin.advanced(by: max(.milliseconds(2500), seconds(20...25)))
        }
        abandon(call, at: begin)
    }

    private mutating func transferred(at time: Timestamp) {
        var call = call(at: time)
        let idle = idle(at: time)
        guard idle.count >= 2 else { return abandon(call, after: seconds(5...40)) }
        let end = talk(&call, idle[0], ringing: [idle[0]], from: time, reason: "transfer")
        call.queue = Self.queues.filter { $0 != call.queue }.randomElement(using: &random) ?? call.queue
        call.entered = end.advanced(by: .milliseconds(Int64.random(in: 50...1500, using: &random)))
        talk(&call, idle[1], ringing: [idle[1]], from: call.entered)
    }

    private mutating func outbound(at time: Timestamp) {
        guard let member = idle(at: time).first else { return }
        let uniqueID = uniqueID(at: time)
        let number = "0110000\(Int.random(in: 100...999, using: &random))"
        let who = [
            ("agentname", member.name), ("agentnum", member.number), ("peer", member.peer), ("direction", "outbound"),
            ("uniqueid", uniqueID), ("context", "from-internal"), ("extension", number),
        ]
        insert(time, "outbound", [("event", "outbound")] + who)
        let begin = time.advanced(by: seconds(3...12))
        let end = begin.advanced(by: seconds(10...90))
        busyUntil[member.number] = end
        guard Bool.random(using: &random) else {
            return insert(begin, "hangup", [("event", "hangup")] + who + [("reason", "agent")])
        }
        insert(
            end, "hangup",
            [("event", "hangup")] + who + [("talktime", Self.whole(end, since: begin)), ("reason", "caller")])
    }

    // MARK: - Parts

    private mutating func call(at time: Timestamp) -> Call {
        let uniqueID = uniqueID(at: time)
        let channel = "SIP/demo.trunk-\(Hex.text(withUnsafeBytes(of: UInt32(counter).bigEndian) { Array($0) }))"
        var more: [(name: String, value: String)] = []
        // Half of the installations are of 2015.
        if Bool.random(using: &random) { more = [("channel", channel)] }
        if Int.random(in: 0..<3, using: &random) == 0 {
            more.append(("ordernumber", "ORD-2015-\(Int.random(in: 1000...9999, using: &random))"))
        }
        return Call(
            uniqueID: uniqueID, begin: time, number: "0110000\(Int.random(in: 100...999, using: &random))",
            name: ["ACME S.p.A.", "", "telephone"].randomElement(using: &random) ?? "", channel: channel, more: more,
            queue: Self.queues.randomElement(using: &random) ?? "", entered: time.advanced(by: seconds(0.5...6)))
    }

    private mutating func uniqueID(at time: Timestamp) -> String {
        counter += 1
        return "\(time.microseconds / 1_000_000).\(counter)"
    }

    /// Rings, an answer, a talk and its end; returns when that is.
    @discardableResult
    private mutating func talk(
        _ call: inout Call, _ member: Member, ringing: [Member], from time: Timestamp, reason: String? = nil
    ) -> Timestamp {
        let rang = max(time, call.entered).advanced(by: seconds(0.2...1))
        for other in ringing { say(rang, "ringing", call, other) }
        // Told twice, as it happens.
        if Int.random(in: 0..<20, using: &random) == 0 {
            say(rang.advanced(by: .milliseconds(200)), "ringing", call, ringing[0])
        }
        let answered = rang.advanced(by: max(.milliseconds(300), seconds(2...12)))
        let end = answered.advanced(by: seconds(8...120))
        busyUntil[member.number] = end
        let waited = ("holdtime", Self.whole(answered, since: call.entered))
        let alerted = ("ringtime", Self.whole(answered, since: rang))
        say(answered, "up", call, member, [waited, alerted])
        let words = ["agent", "caller"].randomElement(using: &random) ?? "agent"
        say(
            end, "hangup", call, member,
            [waited, alerted, ("talktime", Self.whole(end, since: answered)), ("reason", reason ?? words)])
        return end
    }

    private mutating func abandon(_ call: Call, after wait: Duration) {
        abandon(call, at: call.entered.advanced(by: wait))
    }

    private mutating func abandon(_ call: Call, at time: Timestamp) {
        insert(
            time, "abandon",
            [
                ("event", "abandon"), ("queue", call.queue), ("direction", "unmanaged"), ("uniqueid", call.uniqueID),
                ("callernum", call.number), ("callername", call.name), ("channel", call.channel),
                ("holdtime", Self.whole(time, since: call.entered)),
            ])
    }

    private mutating func say(
        _ due: Timestamp, _ event: String, _ call: Call, _ member: Member, _ times: [(String, String)] = []
    ) {
        insert(
            due, event,
            [
                ("event", event), ("queue", call.queue), ("agentname", member.name), ("agentnum", member.number),
                ("peer", member.peer), ("direction", "inbound"), ("uniqueid", call.uniqueID),
                ("context", "from-sip"), ("extension", "0110009999"), ("trunk", call.channel),
                ("callernum", call.number), ("callername", call.name),
            ] + times + call.more.map { ($0.name, $0.value) })
    }

    /// All members are texts but the flag, which repeats the event.
    private mutating func insert(_ due: Timestamp, _ event: String, _ members: [(String, String)]) {
        var writer = ByteWriter(capacity: 512)
        writer.append("{")
        for (name, value) in members {
            writer.append(jsonString: name)
            writer.append(":")
            writer.append(jsonString: value)
            writer.append(",")
        }
        writer.append(jsonString: event == "abandon" ? "unmanaged" : event)
        writer.append(":true}")
        let place = pending.firstIndex { $0.due > due } ?? pending.count
        pending.insert((due, event, String(decoding: writer.bytes, as: UTF8.self)), at: place)
    }

    private static func whole(_ end: Timestamp, since begin: Timestamp) -> String {
        String(end.milliseconds(since: begin) / 1000)
    }

    private mutating func seconds(_ range: ClosedRange<Double>) -> Duration {
        .microseconds(Int64(Double.random(in: range, using: &random) / speed * 1_000_000))
    }

    /// Members who are in no call at `time`, in a random order.
    private mutating func idle(at time: Timestamp) -> [Member] {
        Self.members.filter { busyUntil[$0.number].map { $0 < time } ?? true }.shuffled(using: &random)
    }
}
