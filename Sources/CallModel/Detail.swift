import Codecs

/// The block that belongs to one family of kinds. At most one per event, so an enum; boxed, so that the common events that
/// have none stay small.
public indirect enum Detail: Sendable, Equatable {
    case target(Target)
    case treatment(Treatment)
    case transfer(Transfer)
    case divert(Divert)
    case park(Park)
    case conference(room: String)
    case monitor(Monitor)
    case presence(Presence)
    case status(AgentStatus)
    case members(Members)
    case stats(Stats)
    case callback(Callback)
    case callbackList(Callback, Stats)
    case voicemail(Voicemail)
    case alert(Alert)
    case request(AgentRequest)
    case entity(Entity)
    case record(Record)
    case connection(Connection)
    case gap(Gap)
    case snapshot(Snapshot)
    case notice(code: String, text: String?)
    case problem(Problem)
}

public struct Target: Sendable, Equatable {
    public var type: TargetType
    public var id: String?
    public var number: String?
    public var name: String?

    public enum TargetType: String, CaseIterable, Sendable { case user, queue, number, endpoint, url, system, unknown }

    public init(_ type: TargetType, id: String? = nil, number: String? = nil, name: String? = nil) {
        (self.type, self.id, self.number, self.name) = (type, id, number, name)
    }
}

public struct Treatment: Sendable, Equatable {
    public var type: TreatmentType
    public var id: String?
    public var name: String?
    public var targetType: TargetType?

    public enum TreatmentType: String, CaseIterable, Sendable {
        case ivr, xmlIVR = "xml_ivr", systemOperation = "system_operation", voicemail
        case voicemailAccess = "voicemail_access"
    }
    public enum TargetType: String, CaseIterable, Sendable { case user, queue }

    public init(_ type: TreatmentType, id: String? = nil, name: String? = nil, targetType: TargetType? = nil) {
        (self.type, self.id, self.name, self.targetType) = (type, id, name, targetType)
    }
}

public struct Transfer: Sendable, Equatable {
    /// Which transfer of the call: 1, 2 … The tracker counts; a fact may leave 0.
    public var number: Int32
    public var type: TransferType
    public var by: Mover?
    public var target: Target?
    public var source: String?
    public var applet: String?

    public enum TransferType: String, CaseIterable, Sendable { case blind, attended, unknown }
    public enum Mover: String, CaseIterable, Sendable { case agent, queue, system }

    public init(number: Int32 = 0, type: TransferType, by: Mover? = nil, target: Target? = nil) {
        (self.number, self.type, self.by, self.target) = (number, type, by, target)
    }
}

public struct Divert: Sendable, Equatable {
    public var type: DivertType
    public var reason: String?
    public var applet: String?
    public var targets: [Target]

    public enum DivertType: String, CaseIterable, Sendable { case overflow, forward, pickup, unknown }

    public init(_ type: DivertType, reason: String? = nil, applet: String? = nil, targets: [Target] = []) {
        (self.type, self.reason, self.applet, self.targets) = (type, reason, applet, targets)
    }
}

public struct Park: Sendable, Equatable {
    public var slot: String
    public var byID: String?
    public var byName: String?

    public init(slot: String, byID: String? = nil, byName: String? = nil) {
        (self.slot, self.byID, self.byName) = (slot, byID, byName)
    }
}

public struct Monitor: Sendable, Equatable {
    public var leg: String?
    public var state: String?

    public init(leg: String? = nil, state: String? = nil) { (self.leg, self.state) = (leg, state) }
}

public struct Presence: Sendable, Equatable {
    public var state: State
    public var raw: String?
    public var source: String?
    public var note: String?
    public var profileID: String?
    public var since: Timestamp?
    public var until: Timestamp?
    public var doNotDisturb: Bool?
    public var forwarding: Bool?

    public enum State: String, CaseIterable, Sendable { case available, busy, dnd, off, unknown }

    public init(_ state: State) { self.state = state }
}

public struct AgentStatus: Sendable, Equatable {
    public var state: State
    public var available: Bool?
    public var scheduled: Bool?
    public var allocatable: Bool?
    public var serving: Bool?
    public var servingCallbacks: Bool?
    public var talking: Bool?
    public var activeQueues: Int64?
    public var parkedCalls: Int64?
    public var terminals: Int64?
    public var wrapUpUntil: Timestamp?

    public enum State: String, CaseIterable, Sendable {
        case off, notReady = "not_ready", ready, talking, wrapUp = "wrap_up", unknown
    }

    public init(_ state: State) { self.state = state }
}

public struct Members: Sendable, Equatable {
    /// The whole list, or changes to it.
    public var mode: Mode
    public var members: [Member]

    public enum Mode: String, CaseIterable, Sendable { case full, delta }

    public struct Member: Sendable, Equatable {
        public var agentID: String
        public var active: Bool?
        public var priority: Int64?
        public var loggedIn: Bool?
        public var role: String?
        public var change: Entity.Change?

        public init(agentID: String) { self.agentID = agentID }
    }

    public init(mode: Mode, members: [Member]) { (self.mode, self.members) = (mode, members) }
}

/// Counters of `queue.status` and `callback.list.status`.
public struct Stats: Sendable, Equatable {
    public var open: Open?
    public var openCertain: Bool?
    /// In writing order.
    public var counters: [Counter] = []

    public enum Open: String, CaseIterable, Sendable { case open, closed, noHandler = "no_handler", unknown }

    public enum Value: Sendable, Equatable { case integer(Int64), boolean(Bool) }

    public struct Counter: Sendable, Equatable {
        public let name: String
        public let value: Value

        public init(_ name: String, _ value: Value) { (self.name, self.value) = (name, value) }
    }

    public init() {}
}

public struct Voicemail: Sendable, Equatable {
    public var emailTranscript: Bool?
    public var new: Int64?
    public var saved: Int64?
    public var owner: Target?

    public init() {}
}

public struct Alert: Sendable, Equatable {
    public var id: String?
    public var name: String?
    public var expression: String?
    public var threshold: String?
    public var value: String?

    public init() {}
}

public struct AgentRequest: Sendable, Equatable {
    public var type: RequestType
    public var number: String?
    public var permanent: Bool?
    public var timeToLive: Int64?

    public enum RequestType: String, CaseIterable, Sendable {
        case mobileCall = "mobile_call", setNextCLI = "set_next_cli"
    }

    public init(_ type: RequestType) { self.type = type }
}

public struct Entity: Sendable, Equatable {
    public var type: EntityType
    public var id: String
    public var name: String?
    public var change: Change
    public var `extension`: String?
    public var email: String?
    public var label: String?
    public var registered: Bool?

    public enum EntityType: String, CaseIterable, Sendable { case user, queue, terminal, domain, other }
    public enum Change: String, CaseIterable, Sendable { case added, updated, removed, snapshot }

    public init(_ type: EntityType, id: String, change: Change) {
        (self.type, self.id, self.change) = (type, id, change)
    }
}

public struct Record: Sendable, Equatable {
    /// Stable key: upsert on it.
    public var id: String
    public var list: String?
    public var startedAt: Timestamp?
    public var direction: Direction?
    public var billable: Bool?

    public init(id: String) { self.id = id }
}

public struct Connection: Sendable, Equatable {
    public var attempt: Int64?
    public var reason: String?

    public init(attempt: Int64? = nil, reason: String? = nil) { (self.attempt, self.reason) = (attempt, reason) }
}

public struct Gap: Sendable, Equatable {
    public var id: UUID128
    /// The last moment the link was good.
    public var from: Timestamp
    public var to: Timestamp
    public var reason: Reason
    public var recoverable: Recoverable
    public var recentCalls: Int64?

    public enum Reason: String, CaseIterable, Sendable { case disconnect, crash, overflow, replaced }
    /// What the vendor can still give after a gap.
    public enum Recoverable: String, CaseIterable, Sendable { case none, snapshot, queue }

    public init(id: UUID128, from: Timestamp, to: Timestamp, reason: Reason, recoverable: Recoverable) {
        (self.id, self.from, self.to, self.reason, self.recoverable) = (id, from, to, reason, recoverable)
    }
}

public struct Snapshot: Sendable, Equatable {
    public var entity: String
    public var items: Int64
    public var opened: Int64?
    public var matched: Int64?
    public var vanished: Int64?

    public init(entity: String, items: Int64) { (self.entity, self.items) = (entity, items) }
}

public struct Problem: Sendable, Equatable {
    public var code: Code
    public var detail: String?

    public enum Code: String, CaseIterable, Sendable {
        case unknownEvent = "unknown_event", invalidPayload = "invalid_payload", missingField = "missing_field"
        case unknownState = "unknown_state"
    }

    public init(_ code: Code, detail: String? = nil) { (self.code, self.detail) = (code, detail) }
}
