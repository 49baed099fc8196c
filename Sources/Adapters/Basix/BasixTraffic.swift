import Codecs

/// What a simulated PBX says: messages with their times, and the state that a new connection is told.
protocol BasixPlay {
    /// When there is something to say next; nil: nothing more.
    var nextDue: Timestamp? { get }
    /// Everything due by `now`, in its order.
    mutating func messages(until now: Timestamp) -> [BasixSimulatedMessage]
    /// All there is, as messages in the notation; a connection begins with them.
    func snapshot() -> [String]
}

struct BasixSimulatedMessage {
    enum Content {
        /// A message in the notation, for every connection.
        case notation(String)
        /// Every connection is cut, without a word.
        case drop
    }

    let due: Timestamp
    let content: Content
}

/// Calls of an invented PBX: a deterministic stream for a seed, with every state that the mapping knows.
///
/// Pure: the time is an argument. Numbers are from ranges that nobody is assigned.
struct BasixTraffic: BasixPlay {
    struct Member {
        let id: Int64
        let name: String
        let label: String
        let `extension`: String
    }

    static let members: [Member] = [
        Member(id: 10_001_001, name: "sato", label: "佐藤", extension: "1001"),
        Member(id: 10_001_002, name: "suzuki", label: "鈴木", extension: "1002"),
        Member(id: 10_001_003, name: "takahashi", label: "高橋", extension: "1003"),
        Member(id: 10_001_004, name: "tanaka", label: "田中", extension: "1004"),
        Member(id: 10_001_005, name: "watanabe", label: "渡辺", extension: "1005"),
        Member(id: 10_001_006, name: "ito", label: "伊藤", extension: "1006"),
        Member(id: 10_001_007, name: "yamamoto", label: "山本", extension: "1007"),
        Member(id: 10_001_008, name: "nakamura", label: "中村", extension: "1008"),
    ]
    static let group: (id: Int64, name: String, number: String) = (10_001_111, "sales", "1111")
    static let ownNumber = "0355550100"

    /// Mean time between two new calls.
    private let interval: Duration
    /// Talk and waiting times are divided by this.
    let speed: Double
    var random: any RandomNumberGenerator
    private var pending: [(due: Timestamp, event: String, channel: BasixSimulatedChannel?, message: String?)] = []
    private var nextCall: Timestamp
    private var counter = 0
    private var channels: [String: BasixSimulatedChannel] = [:]
    private var presence: [Int64: Int64] = [:]
    /// Until when a member is in a call.
    var busyUntil: [Int64: Timestamp] = [:]

    init(callsPerSecond: Double, speed: Double = 1, startingAt start: Timestamp, random: any RandomNumberGenerator) {
        interval = .microseconds(Int64(1_000_000 / min(max(callsPerSecond, 0.001), 10_000)))
        (self.speed, self.random, nextCall) = (max(0.01, speed), random, start)
    }

    var nextDue: Timestamp? { pending.first.map { min($0.due, nextCall) } ?? nextCall }

    /// Channels that are alive.
    var channelCount: Int { channels.count }

    mutating func messages(until now: Timestamp) -> [BasixSimulatedMessage] {
        while nextCall <= now {
            beginCall(at: nextCall)
            let factor = Double.random(in: 0.2...1.8, using: &random)
            nextCall = nextCall.advanced(by: interval * factor)
        }
        let count = pending.prefix { $0.due <= now }.count
        defer { pending.removeFirst(count) }
        return pending[..<count].map { item in
            if let channel = item.channel {
                channels[channel.uuid] = item.event == "removed" ? nil : channel
                let text = #"{"msg":"info_event","element":"channel","event":"\#(item.event)","info":\#(channel.json)}"#
                return BasixSimulatedMessage(due: item.due, content: .notation(text))
            }
            return BasixSimulatedMessage(due: item.due, content: .notation(item.message ?? ""))
        }
    }

    func snapshot() -> [String] {
        func dump(_ element: String, _ items: [String]) -> String {
            #"{"msg":"initial_info","element":"\#(element)","items":[\#(items.joined(separator: ","))]}"#
        }
        let group = Self.group
        let alive = channels.values.sorted { ($0.offer, $0.uuid) < ($1.offer, $1.uuid) }
        let parked = alive.filter { $0.state?.contains(#""name":"park""#) ?? false }
        return [
            dump("domain", [#"{"id":1,"name":"test1.example"}"#]),
            dump("user", Self.members.map { user($0) }),
            dump(
                "group",
                [
                    #"{"id":\#(group.id),"name":"\#(group.name)","type":0,"main_extension":"\#(group.number)","label":"営業"}"#
                ]),
            dump(
                "group_member",
                Self.members.map {
                    #"{"id":\#($0.id + 100_000_000),"group_id":\#(group.id),"user_id":\#($0.id),"priority":0,"login_status":1,"role":0}"#
                }),
            dump("terminal", []), dump("channel", alive.map(\.json)),
            dump("channel_waiting", parked.map { #"{"uuid":"\#($0.uuid)","state":\#($0.state ?? "null")}"# }),
        ]
    }

    private func user(_ member: Member) -> String {
        #"{"id":\#(member.id),"name":"\#(member.name)","fwd_always_status":0,"do_not_disturb_status":0,"main_extension":"\#(member.extension)","presence":\#(presence[member.id] ?? 0),"role":0,"label":"\#(member.label)","mwi":""}"#
    }

    // MARK: - Scheduling

    mutating func schedule(_ due: Timestamp, _ event: String, _ channel: BasixSimulatedChannel) {
        insert((due, event, channel, nil))
    }

    /// The last two news of a channel, as a PBX tells them.
    mutating func scheduleHangup(_ channel: inout BasixSimulatedChannel, _ due: Timestamp, _ data: String) {
        channel.hangUp(at: due, data)
        schedule(due, "updated", channel)
        schedule(due.advanced(by: .milliseconds(5)), "removed", channel)
    }

    private mutating func insert(
        _ item: (due: Timestamp, event: String, channel: BasixSimulatedChannel?, message: String?)
    ) {
        // A little later than what it tells, as on the wire.
        let due = item.due.advanced(by: .milliseconds(3))
        let place = pending.firstIndex { $0.due > due } ?? pending.count
        pending.insert((due, item.event, item.channel, item.message), at: place)
    }

    /// The queue of parked channels says it once more.
    mutating func scheduleWaiting(_ due: Timestamp, _ event: String, _ channel: BasixSimulatedChannel) {
        let text =
            #"{"msg":"info_event","element":"channel_waiting","event":"\#(event)","info":{"uuid":"\#(channel.uuid)","state":\#(channel.state ?? "null")}}"#
        insert((due, event, nil, text))
    }

    mutating func schedulePresence(_ due: Timestamp) {
        let member = Self.members.randomElement(using: &random) ?? Self.members[0]
        presence[member.id] = Int64.random(in: 0...3, using: &random)
        let text = #"{"msg":"info_event","element":"user","event":"updated","info":\#(user(member))}"#
        insert((due, "updated", nil, text))
    }

    // MARK: - Parts

    mutating func uuid() -> String {
        UUID128(high: random.next(), low: random.next()).description
    }

    mutating func customerNumber() -> String { "0355550\(Int.random(in: 200...999, using: &random))" }

    mutating func seconds(_ range: ClosedRange<Double>) -> Duration {
        .microseconds(Int64(Double.random(in: range, using: &random) / speed * 1_000_000))
    }

    /// Members who are in no call at `time`, in a random order.
    mutating func idleMembers(at time: Timestamp) -> [Member] {
        Self.members.filter { busyUntil[$0.id].map { $0 < time } ?? true }.shuffled(using: &random)
    }

    mutating func customer(at time: Timestamp) -> BasixSimulatedChannel {
        let number = customerNumber()
        var channel = BasixSimulatedChannel(
            uuid: uuid(), isInbound: true, isExternal: true, callingName: number, callingNumber: number,
            calledNumber: Self.ownNumber, offer: time)
        if Bool.random(using: &random) {
            channel.endUser = (String(Int.random(in: 1...99999, using: &random)), "山田 花子", "Example KK", "東京都")
        }
        return channel
    }

    /// A phone of a member that the PBX calls for `other`.
    mutating func phone(
        of member: Member, for other: BasixSimulatedChannel, at time: Timestamp
    ) -> BasixSimulatedChannel {
        var channel = BasixSimulatedChannel(
            uuid: uuid(), isInbound: false, isExternal: false, callingNumber: other.callingNumber,
            calledNumber: member.extension, offer: time)
        (channel.other, channel.userID, channel.lastEvent) = (other.uuid, member.id, "CHANNEL_ORIGINATE")
        return channel
    }

    /// A call that a member places.
    mutating func placed(by member: Member, to number: String, at time: Timestamp) -> BasixSimulatedChannel {
        var channel = BasixSimulatedChannel(
            uuid: uuid(), isInbound: true, isExternal: false, callingName: member.name,
            callingNumber: member.extension, calledNumber: number, offer: time)
        channel.userID = member.id
        return channel
    }

    private mutating func beginCall(at time: Timestamp) {
        counter += 1
        if counter.isMultiple(of: 7) { schedulePresence(time) }
        switch Int.random(in: 0..<16, using: &random) {
        case 0..<5: queueCall(at: time)
        case 5: abandonedCall(at: time)
        case 6: ivrCall(at: time)
        case 7: voicemailCall(at: time)
        case 8..<10: outboundCall(at: time)
        case 10: internalCall(at: time)
        case 11: parkedCall(at: time)
        case 12: blindTransfer(at: time)
        case 13: attendedTransfer(at: time)
        case 14: clickToDial(at: time)
        default: conferenceCall(at: time)
        }
    }
}
