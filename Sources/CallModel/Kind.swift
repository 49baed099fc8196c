/// The closed set of 47 event kinds (docs/call-event.md). The order is the one of the published schema.
public enum Kind: UInt8, CaseIterable, Sendable {
    case callOffered, callDialing, callRouted, callTreatment, callQueued, callRinging, callRingStopped, callAnswered
    case callHeld, callRetrieved, callParked, callUnparked, callDiverted
    case callTransferStarted, callTransferConnected, callTransferCancelled
    case callConferenced, callMonitored, callLeft, callUpdated, callMissed, callAbandoned, callEnded, callRecord
    case agentPresence, agentStatus, agentRequest, queueStatus, queueMembers
    case callbackRequested, callbackChanged, callbackAttempt, callbackConfirmed, callbackListStatus
    case voicemailReceived, voicemailStatus, alertRaised, directoryChanged
    case sourceConnected, sourceDisconnected, sourceGap, sourceSnapshot, sourceNotice, sourceUnmapped, sourceHeartbeat
    case bridgeStarted, bridgeStopped

    /// The name on the line, such as `call.ring_stopped`.
    public var name: String { Self.names[Int(rawValue)] }

    public init?(name: String) {
        guard let kind = Self.byName[name] else { return nil }
        self = kind
    }

    /// True for the kinds that tell of one call.
    public var isCall: Bool { rawValue <= Kind.callRecord.rawValue }

    /// True for `call.offered` and `call.dialing`: `call.seq` 1 is always one of them.
    public var isOpener: Bool { self == .callOffered || self == .callDialing }

    /// True for counters and states, of which only the last one counts; an unchanged repeat is not written again.
    public var isState: Bool {
        switch self {
        case .agentStatus, .queueStatus, .queueMembers, .voicemailStatus, .directoryChanged, .callbackListStatus: true
        default: false
        }
    }

    /// True for what is worth delivering however late it comes: what became of a call, a call-back, a message, and what may be
    /// missing. The others are live: they tell of a state that the next event of their call, agent or queue replaces.
    public var isRecord: Bool {
        switch self {
        case .callMissed, .callAbandoned, .callEnded, .callRecord, .callbackRequested, .callbackChanged,
            .callbackAttempt,
            .callbackConfirmed, .voicemailReceived, .alertRaised, .directoryChanged, .sourceGap, .sourceUnmapped,
            .bridgeStarted, .bridgeStopped:
            true
        case .callOffered, .callDialing, .callRouted, .callTreatment, .callQueued, .callRinging, .callRingStopped,
            .callAnswered, .callHeld, .callRetrieved, .callParked, .callUnparked, .callDiverted, .callTransferStarted,
            .callTransferConnected, .callTransferCancelled, .callConferenced, .callMonitored, .callLeft, .callUpdated,
            .agentPresence, .agentStatus, .agentRequest, .queueStatus, .queueMembers, .callbackListStatus,
            .voicemailStatus, .sourceConnected, .sourceDisconnected, .sourceSnapshot, .sourceNotice, .sourceHeartbeat:
            false
        }
    }

    private static let byName = Dictionary(uniqueKeysWithValues: allCases.map { ($0.name, $0) })
    private static let names = [
        "call.offered", "call.dialing", "call.routed", "call.treatment", "call.queued", "call.ringing",
        "call.ring_stopped", "call.answered", "call.held", "call.retrieved", "call.parked", "call.unparked",
        "call.diverted", "call.transfer.started", "call.transfer.connected", "call.transfer.cancelled",
        "call.conferenced", "call.monitored", "call.left", "call.updated", "call.missed", "call.abandoned",
        "call.ended", "call.record", "agent.presence", "agent.status", "agent.request", "queue.status",
        "queue.members", "callback.requested", "callback.changed", "callback.attempt", "callback.confirmed",
        "callback.list.status", "voicemail.received", "voicemail.status", "alert.raised", "directory.changed",
        "source.connected", "source.disconnected", "source.gap", "source.snapshot", "source.notice",
        "source.unmapped", "source.heartbeat", "bridge.started", "bridge.stopped",
    ]
}

/// How `occurred_at` is known.
public enum TimeSource: String, CaseIterable, Sendable {
    /// The vendor gave this very time.
    case vendor
    /// Computed from vendor data.
    case derived
    /// Nothing better than the time of receipt.
    case received
}

/// Who states the fact.
public enum Origin: String, CaseIterable, Sendable {
    /// A vendor message.
    case live
    /// A state dump after a (re)connect.
    case snapshot
    /// The bridge concluded it.
    case synthetic
}

/// Seen from the customer of the PBX.
public enum Direction: String, CaseIterable, Sendable {
    case inbound, outbound, internalCall = "internal", unknown
}

/// State of a call after an event.
public enum CallPhase: String, CaseIterable, Sendable {
    case offered, dialing, treatment, queued, ringing, talking, held, parked, ended
}

/// What happened to the caller.
public enum Disposition: String, CaseIterable, Sendable {
    case answered, abandoned, noAnswer = "no_answer", busy, rejected, cancelled
    case answeredElsewhere = "answered_elsewhere", voicemail, treated, diverted, congestion, failed, merged, unknown
}

/// How an end is known.
public enum Closure: String, CaseIterable, Sendable {
    case vendor, reconciled, timedOut = "timed_out", evicted, merged
}
