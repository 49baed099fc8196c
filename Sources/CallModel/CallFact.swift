import Codecs

/// A statement about the telephony world in the model's terms: what a mapper makes of one vendor message, before the
/// tracker decides whether it is new, what it means for its call, and which lines it becomes.
public struct CallFact: Sendable {
    public var kind: Kind
    /// The vendor's call id. Needed by every `call.*` kind but `call.missed` and `call.record`.
    public var callID: String?
    /// The vendor's own name of the event.
    public var event: String
    /// nil: nothing better than the time of receipt.
    public var occurredAt: Timestamp?
    /// Ignored where `occurredAt` is nil.
    public var timeSource: TimeSource
    public var origin: Origin = .live
    public var identity: Identity = .counted
    public var direction: Direction?
    public var leg: String?
    public var peerLeg: String?
    /// Overrides the source's tenant label.
    public var tenant: String?
    public var uncertainMilliseconds: Int64?
    /// It happened somewhere between the loss of the link and now: the tracker writes down how uncertain that is.
    public var isUnseen = false
    /// Concluded from a later message: told only where nothing is known yet of the party's part in the call, not before
    /// what is known already, and not by a sparse source.
    public var isImplied = false
    /// On `source.snapshot`: the vendor's ids of all calls that the state dump shows. Every other open call of the source
    /// has ended unseen; it is ended before the line of this fact, which tells how many there were.
    public var presentCalls: Set<String>?
    /// How to open the call if this fact is the first that is heard of it.
    public var opener: Opener?
    public var body: EventBody
    /// The id, once the tracker has made it for this kind.
    var identified: (kind: Kind, id: UUID128)?

    /// What the event's id is made of (docs/call-event.md, ids). Openers, abandons and ends need none: their ids depend on
    /// the call alone.
    public enum Identity: Sendable, Equatable {
        /// Kind, call id, key, and the how-manieth such fact of the call it is.
        case counted
        /// Kind, call id, key, and the vendor's own time of the fact in microseconds.
        case timed(Int64)
        /// These parts.
        case parts([String])
        /// These parts; where a line with them was written before, these and the time of receipt in microseconds: the vendor
        /// says the same words again and means something new.
        case recurring([String])
        /// Kind, the entity the body names, the stream, and the how-manieth change of the entity it is.
        case state
        /// Kind, stream and seq.
        case stream
    }

    /// A synthetic beginning.
    public struct Opener: Sendable, Equatable {
        public var kind: Kind
        /// How long before the fact the call began; nil: not known, so at the fact's own time.
        public var lead: Duration?
        /// The vendor's own time of the beginning.
        public var occurredAt: Timestamp?

        public init(kind: Kind, lead: Duration? = nil, occurredAt: Timestamp? = nil) {
            (self.kind, self.lead, self.occurredAt) = (kind, lead, occurredAt)
        }
    }

    public init(
        _ kind: Kind, callID: String? = nil, event: String, occurredAt: Timestamp? = nil,
        timeSource: TimeSource = .vendor, body: EventBody = EventBody()
    ) {
        (self.kind, self.callID, self.event) = (kind, callID, event)
        (self.occurredAt, self.timeSource, self.body) = (occurredAt, timeSource, body)
    }

    /// A message that was not understood.
    public static func unmapped(event: String, problem: Problem, raw: RawPayload?) -> CallFact {
        var fact = CallFact(.sourceUnmapped, event: event)
        fact.identity = .stream
        fact.body.detail = .problem(problem)
        fact.body.raw = raw
        return fact
    }
}
