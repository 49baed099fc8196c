import Codecs

/// One line of output: a telephony fact in the shape that all vendors share (docs/call-event.md).
public struct CallEvent: Sendable, Equatable {
    /// The same for every delivery of the same fact: consumers drop repeats by it.
    public var id: UUID128
    public var kind: Kind
    /// One unbroken run of `seq`.
    public var stream: UUID128
    /// 1, 2, 3 … within the stream.
    public var seq: Int64
    public var occurredAt: Timestamp
    public var receivedAt: Timestamp
    public var timeSource: TimeSource
    public var origin: Origin
    public var tenant: String?
    public var source: SourceReference
    public var call: CallReference?
    public var body: EventBody
    /// Arrived after the end of its call, or older than a line already written for it.
    public var late = false
    /// `occurredAt` may be early or late by this much.
    public var uncertainMilliseconds: Int64?
    /// The event that made the bridge write this synthetic one.
    public var causedBy: UUID128?
    /// Written again on an operator's demand.
    public var replayed = false

    public init(
        id: UUID128, kind: Kind, stream: UUID128, seq: Int64, occurredAt: Timestamp, receivedAt: Timestamp,
        timeSource: TimeSource, origin: Origin, tenant: String?, source: SourceReference, call: CallReference? = nil,
        body: EventBody = EventBody()
    ) {
        (self.id, self.kind, self.stream, self.seq) = (id, kind, stream, seq)
        (self.occurredAt, self.receivedAt, self.timeSource, self.origin) = (occurredAt, receivedAt, timeSource, origin)
        (self.tenant, self.source, self.call, self.body) = (tenant, source, call, body)
    }
}

/// Where a line comes from.
public struct SourceReference: Sendable, Equatable {
    /// `teleforge`, `enreach`, `basix`, `xcally`; `bridge` for lines about the bridge itself.
    public var vendor: String
    /// The configured name.
    public var name: String
    /// The vendor's own name of the event.
    public var event: String

    public init(vendor: String, name: String, event: String) {
        (self.vendor, self.name, self.event) = (vendor, name, event)
    }
}

/// The call a line belongs to, as it stands after the event.
public struct CallReference: Sendable, Equatable {
    /// Source name, a colon, the vendor's call id.
    public var id: String
    /// 1, 2, 3 … within the call.
    public var seq: Int32
    public var state: CallPhase
    public var direction: Direction
    public var leg: String?
    public var peerLeg: String?
    /// Phones ringing after this event; told where ringing begins or stops.
    public var alerting: Int32?
    /// Number of gaps the call lived through.
    public var gaps: Int32?

    public init(
        id: String, seq: Int32, state: CallPhase, direction: Direction, leg: String? = nil, peerLeg: String? = nil,
        alerting: Int32? = nil, gaps: Int32? = nil
    ) {
        (self.id, self.seq, self.state, self.direction) = (id, seq, state, direction)
        (self.leg, self.peerLeg, self.alerting, self.gaps) = (leg, peerLeg, alerting, gaps)
    }
}
