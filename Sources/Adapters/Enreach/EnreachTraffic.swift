import Codecs

/// Calls, presence and callbacks of an invented organisation: a deterministic stream for a seed.
///
/// Pure: the time is an argument. Numbers are from ranges that nobody is assigned.
struct EnreachTraffic {
    /// A call that has ended, for those who ask REST what they missed.
    struct Record: Sendable {
        let call: String
        let user: UUID128?
        let queue: UUID128?
        let caller: String
        let target: String
        let start: Timestamp
        let seconds: Int
        let isOutbound: Bool
        let wasAnswered: Bool
    }

    struct Call {
        let id: UUID128
        let leg: String
        let caller: String
        let target: String
        let start: Timestamp
    }

    /// Mean time between two new calls.
    private let interval: Duration
    /// Talk and waiting times are divided by this.
    private let speed: Double
    private var random: any RandomNumberGenerator
    var office: EnreachOffice
    private var pending: [EnreachSimulatedEvent] = []
    private var nextCall: Timestamp
    private var counter = 0
    private var busyUntil: [UUID128: Timestamp] = [:]
    private(set) var availability: [UUID128: (state: String, since: Timestamp)] = [:]
    /// The newest thousand.
    private(set) var records: [Record] = []

    /// A rate of 0: no calls of its own.
    init(
        _ office: EnreachOffice, callsPerSecond: Double, speed: Double = 1, startingAt start: Timestamp,
        random: any RandomNumberGenerator
    ) {
        self.office = office
        interval =
            callsPerSecond > 0
            ? .microseconds(Int64(1_000_000 / min(callsPerSecond, 10_000))) : .seconds(1_000_000_000)
        (self.speed, self.random) = (max(0.01, speed), random)
        nextCall = callsPerSecond > 0 ? start : Timestamp(microseconds: Timestamp.range.upperBound)
    }

    var nextDue: Timestamp { pending.first.map { min($0.due, nextCall) } ?? nextCall }

    /// Everything due by `now`, in its order.
    mutating func events(until now: Timestamp) -> [EnreachSimulatedEvent] {
        while nextCall <= now {
            begin(at: nextCall)
            nextCall = nextCall.advanced(by: interval * Double.random(in: 0.2...1.8, using: &random))
        }
        let count = pending.prefix { $0.due <= now }.count
        defer { pending.removeFirst(count) }
        return Array(pending[..<count])
    }

    private mutating func begin(at time: Timestamp) {
        counter += 1
        if counter.isMultiple(of: 5) { changePresence(at: time) }
        switch Int.random(in: 0..<12, using: &random) {
        case 0..<5: queueCall(at: time)
        case 5: abandonedCall(at: time)
        case 6: overflowingCall(at: time)
        case 7..<9: directCall(at: time)
        case 9: missedCall(at: time)
        default: outboundCall(at: time)
        }
    }

    // MARK: - Calls

    private mutating func queueCall(at time: Timestamp) {
        guard let queue = office.queues.randomElement(using: &random) else { return directCall(at: time) }
        let call = newCall(to: queue.number, at: time)
        arrive(call, queue, at: time)
        let agents = Array(idleUsers(at: time).prefix(2))
        guard let agent = agents.first else { return abandon(call, queue, at: time.advanced(by: seconds(5...20))) }
        let rings = time.advanced(by: seconds(1...6))
        for other in agents { queueEvent("QueueCallInUserAllocated", call, queue, at: rings, user: other) }
        let answer = rings.advanced(by: seconds(2...8))
        queueEvent("QueueCallInUserConnected", call, queue, at: answer, user: agent) {
            $0.add("userNumber", agent.number)
        }
        for other in agents.dropFirst() {
            queueEvent("QueueCallInUserCancelled", call, queue, at: answer.advanced(by: .milliseconds(15)), user: other)
            {
                $0.add("reason", "local")
                $0.add("detailedReason", "")
            }
        }
        var talking = agent
        var end = answer.advanced(by: seconds(10...120))
        if counter.isMultiple(of: 4), let other = idleUsers(at: time).first(where: { $0.id != agent.id }) {
            transfer(call, queue, from: agent, to: other, at: end)
            talking = other
            end = end.advanced(by: seconds(10...60))
        }
        for user in agents + [talking] { busyUntil[user.id] = end }
        disconnect(call, queue, at: end, isRemote: Bool.random(using: &random))
        record(call, user: talking.id, queue: queue.id, end: end, wasAnswered: true)
    }

    private mutating func transfer(
        _ call: Call, _ queue: EnreachOffice.Queue, from agent: EnreachOffice.User, to other: EnreachOffice.User,
        at time: Timestamp
    ) {
        queueEvent("QueueCallInTransferStarted", call, queue, at: time) {
            $0.add("techQueueId", queue.id)
            $0.add("techQueueName", queue.name)
            $0.add("techType", "user")
            $0.add("transferApplet", "attended")
            $0.add("transferSource", agent.id)
            $0.add("transferTarget", other.id)
        }
        queueEvent("QueueCallInTransferConnected", call, queue, at: time.advanced(by: seconds(2...8))) {
            $0.add("connectedTarget", other.id)
            $0.add("techQueueId", queue.id)
            $0.add("techQueueName", queue.name)
            $0.add("techSource", "user")
            $0.add("transferApplet", "attended")
        }
    }

    private mutating func abandonedCall(at time: Timestamp) {
        guard let queue = office.queues.randomElement(using: &random) else { return missedCall(at: time) }
        let call = newCall(to: queue.number, at: time)
        arrive(call, queue, at: time)
        abandon(call, queue, at: time.advanced(by: seconds(3...25)))
    }

    private mutating func abandon(_ call: Call, _ queue: EnreachOffice.Queue, at time: Timestamp) {
        disconnect(call, queue, at: time, isRemote: true)
        record(call, user: nil, queue: queue.id, end: time, wasAnswered: false)
    }

    /// Nobody is free: the caller leaves a callback.
    private mutating func overflowingCall(at time: Timestamp) {
        guard let queue = office.queues.randomElement(using: &random), let list = office.callLists.first else {
            return directCall(at: time)
        }
        let call = newCall(to: queue.number, at: time)
        arrive(call, queue, at: time)
        let given = time.advanced(by: seconds(8...15))
        queueEvent("QueueCallInOverflow", call, queue, at: given) {
            $0.add("overflowApplet", "callback")
            $0.add("techEvent", "timeout")
            $0.add("techNumber", queue.number)
            $0.add("techQueueId", UUID128(high: 0, low: 0))
            $0.add("techQueueName", "")
            $0.add("techSource", "queue")
        }
        let left = given.advanced(by: seconds(4...10))
        callback(for: call, on: list, at: left)
        disconnect(call, queue, at: left.advanced(by: seconds(1...2)), isRemote: true)
        record(call, user: nil, queue: queue.id, end: left, wasAnswered: false)
    }

    private mutating func callback(for call: Call, on list: EnreachOffice.CallList, at time: Timestamp) {
        let id = uuid()
        var data = EnreachSimulatedData()
        data.add("calledNumber", call.target)
        data.add("callerNumber", call.caller)
        data.add("callId", call.id)
        data.add("cbrId", id)
        data.add("contactMessage", "")
        data.add("emailAttach", json: "null")
        data.add("emailTo", nil as String?)
        data.add("emailTranscript", false)
        data.add("listId", list.id)
        data.add("recordingId", nil as UUID128?)
        data.add("rUser", nil as UUID128?)
        data.add("smsTo", nil as String?)
        schedule(time, list.id, "CallbackRequestNotification", data)
    }

    private mutating func directCall(at time: Timestamp) {
        guard let user = idleUsers(at: time).first else { return }
        let call = newCall(to: user.number, at: time)
        userEvent("UserCallInComing", call, user, at: time)
        userEvent("UserCallInArrived", call, user, at: time.advanced(by: .milliseconds(30)))
        let rings = time.advanced(by: .milliseconds(120))
        userEvent("UserCallInUserAllocated", call, user, at: rings) {
            $0.add("userNumber", user.number)
            $0.add("detailedReason", "")
        }
        let answer = rings.advanced(by: seconds(2...8))
        userEvent("UserCallInUserConnected", call, user, at: answer) { $0.add("userNumber", user.number) }
        let end = answer.advanced(by: seconds(10...90))
        busyUntil[user.id] = end
        userEvent("UserCallInDisconnected", call, user, at: end) {
            $0.add("reason", "remote")
            $0.add("techReason", "NORMAL_CLEARING")
        }
        record(call, user: user.id, queue: nil, end: end, wasAnswered: true)
    }

    private mutating func missedCall(at time: Timestamp) {
        guard let user = idleUsers(at: time).first else { return }
        let call = newCall(to: user.number, at: time)
        userEvent("UserCallInComing", call, user, at: time)
        userEvent("UserCallInUserAllocated", call, user, at: time.advanced(by: .milliseconds(120))) {
            $0.add("userNumber", user.number)
            $0.add("detailedReason", "")
        }
        let end = time.advanced(by: seconds(10...20))
        userEvent("UserCallInUserCancelled", call, user, at: end) {
            $0.add("reason", "NoAnswer")
            $0.add("detailedReason", "")
        }
        userEvent("UserCallInDisconnected", call, user, at: end.advanced(by: .milliseconds(40))) {
            $0.add("reason", "local")
            $0.add("techReason", "NO_ANSWER")
        }
        var data = EnreachSimulatedData()
        data.add("callerName", "")
        data.add("callerNumber", call.caller)
        data.add("callId", call.id)
        schedule(end.advanced(by: .milliseconds(60)), user.id, "UserMissedCallNotification", data)
        record(call, user: user.id, queue: nil, end: end, wasAnswered: false)
    }

    private mutating func outboundCall(at time: Timestamp) {
        guard let user = idleUsers(at: time).first else { return }
        let call = Call(
            id: uuid(), leg: leg(), caller: user.number, target: customerNumber(), start: time)
        userEvent("UserCallOutGoing", call, user, at: time)
        let answer = time.advanced(by: seconds(3...12))
        let isAnswered = Int.random(in: 0..<4, using: &random) > 0
        if isAnswered { userEvent("UserCallOutConnected", call, user, at: answer) }
        let end = answer.advanced(by: isAnswered ? seconds(10...90) : .zero)
        busyUntil[user.id] = end
        userEvent("UserCallOutDisconnected", call, user, at: end) {
            $0.add("reason", isAnswered ? "local" : "remote")
            $0.add("techReason", isAnswered ? "NORMAL_CLEARING" : "USER_BUSY")
        }
        record(call, user: user.id, queue: nil, end: end, isOutbound: true, wasAnswered: isAnswered)
    }

    private mutating func changePresence(at time: Timestamp) {
        guard let user = office.users.randomElement(using: &random) else { return }
        let state = ["Available", "Busy", "DoNotDisturb", "OffWork"].randomElement(using: &random) ?? "Available"
        availability[user.id] = (state, time)
        var data = EnreachSimulatedData()
        data.add("availability", state)
        data.add("endTime", json: "\"9999-12-31T23:59:59.9999999\"")
        data.add("eventSource", "simulated")
        data.add("note", "")
        data.add("organizationId", EnreachOffice.organization)
        data.add("profileId", UUID128(high: 0, low: 0))
        data.add("startTime", time)
        data.add("userId", user.id)
        data.add("userName", user.name)
        schedule(time, user.id, "UserAvailability", data)
    }

    // MARK: - Parts

    private mutating func arrive(_ call: Call, _ queue: EnreachOffice.Queue, at time: Timestamp) {
        queueEvent("QueueCallInComing", call, queue, at: time)
        queueEvent("QueueCallInArrived", call, queue, at: time.advanced(by: .milliseconds(250)))
        queueStatus(queue, at: time.advanced(by: .milliseconds(300)))
    }

    private mutating func disconnect(
        _ call: Call, _ queue: EnreachOffice.Queue, at time: Timestamp, isRemote: Bool
    ) {
        queueEvent("QueueCallInDisconnected", call, queue, at: time) {
            $0.add("reason", isRemote ? "remote" : "local")
            $0.add("techReason", "NORMAL_CLEARING")
        }
        queueStatus(queue, at: time.advanced(by: .milliseconds(50)))
    }

    private mutating func queueStatus(_ queue: EnreachOffice.Queue, at time: Timestamp) {
        var data = EnreachSimulatedData()
        data.add("maxWaitTime", Int.random(in: 0...60, using: &random))
        data.add("nbrOfAgentsCheckedInQueue", office.users.count)
        data.add("nbrOfAgentsImmediatelyFree", idleUsers(at: time).count)
        data.add("nbrOfQueuingRequesters", Int.random(in: 0...3, using: &random))
        data.add("openStatus", 5)
        data.add("organizationId", EnreachOffice.organization)
        data.add("queueId", queue.id)
        data.add("queueName", queue.name)
        schedule(time, queue.id, "QueueStatus", data)
    }

    private mutating func queueEvent(
        _ name: String, _ call: Call, _ queue: EnreachOffice.Queue, at time: Timestamp,
        user: EnreachOffice.User? = nil, _ more: (inout EnreachSimulatedData) -> Void = { _ in }
    ) {
        var data = Self.common(call)
        data.add("queueId", queue.id)
        data.add("queueName", queue.name)
        if !name.contains("Transfer"), !name.contains("Overflow"), !name.contains("Disconnected") {
            data.add("queueNumber", queue.number)
        }
        if let user {
            data.add("userId", user.id)
            data.add("userName", user.name)
        }
        more(&data)
        schedule(time, queue.id, name, data)
    }

    /// The vendor spells the user's name in two ways.
    private mutating func userEvent(
        _ name: String, _ call: Call, _ user: EnreachOffice.User, at time: Timestamp,
        _ more: (inout EnreachSimulatedData) -> Void = { _ in }
    ) {
        var data = Self.common(call)
        data.add("userId", user.id)
        if ["UserCallInComing", "UserCallInDisconnected"].contains(name) {
            data.add("username", user.name)
        } else {
            data.add("userName", user.name)
        }
        more(&data)
        schedule(time, user.id, name, data)
    }

    private static func common(_ call: Call) -> EnreachSimulatedData {
        var data = EnreachSimulatedData()
        data.add("callerNumber", call.caller)
        data.add("callId", call.id)
        data.add("legId", call.leg)
        data.add("organizationId", EnreachOffice.organization)
        data.add("targetNumber", call.target)
        return data
    }

    private mutating func schedule(_ due: Timestamp, _ entity: UUID128, _ name: String, _ data: EnreachSimulatedData) {
        let event = EnreachSimulatedEvent(due: due, entity: entity, name: name, data: data.json)
        // The latest are the likeliest place.
        var place = pending.count
        while place > 0, pending[place - 1].due > due { place -= 1 }
        pending.insert(event, at: place)
    }

    private mutating func record(
        _ call: Call, user: UUID128?, queue: UUID128?, end: Timestamp, isOutbound: Bool = false, wasAnswered: Bool
    ) {
        add(
            Record(
                call: call.id.description, user: user, queue: queue, caller: call.caller, target: call.target,
                start: call.start, seconds: Int(end.milliseconds(since: call.start) / 1000), isOutbound: isOutbound,
                wasAnswered: wasAnswered))
    }

    mutating func add(_ record: Record) {
        if records.count >= 1000 { records.removeFirst(500) }
        records.append(record)
    }

    private mutating func newCall(to number: String, at time: Timestamp) -> Call {
        Call(id: uuid(), leg: leg(), caller: customerNumber(), target: number, start: time)
    }

    private mutating func uuid() -> UUID128 { UUID128(high: random.next(), low: random.next()) }

    private mutating func leg() -> String {
        String(random.next() as UInt64, radix: 16) + "@127.0.0.1_br\(Int.random(in: 1...9, using: &random))"
    }

    private mutating func customerNumber() -> String {
        "+35845752\(Int.random(in: 1000...9999, using: &random))"
    }

    private mutating func seconds(_ range: ClosedRange<Double>) -> Duration {
        .microseconds(Int64(Double.random(in: range, using: &random) / speed * 1_000_000))
    }

    /// Users who are in no call at `time`, in a random order.
    private mutating func idleUsers(at time: Timestamp) -> [EnreachOffice.User] {
        office.users.filter { busyUntil[$0.id].map { $0 < time } ?? true }.shuffled(using: &random)
    }
}
