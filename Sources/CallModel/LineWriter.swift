import Codecs

/// Events to lines: members in the fixed order of the published schema, no blanks, one newline.
public enum LineWriter {
    /// Appends the line of `event` and its newline.
    public static func write(_ event: borrowing CallEvent, to out: inout ByteWriter) {
        out.append("{\"v\":1")
        out.member("id", event.id)
        out.member("kind", word: event.kind.name)
        out.member("stream", event.stream)
        out.member("seq", event.seq)
        out.member("occurred_at", event.occurredAt)
        out.member("received_at", event.receivedAt)
        out.member("time_source", word: event.timeSource.rawValue)
        out.member("origin", word: event.origin.rawValue)
        out.member("tenant", event.tenant)
        out.object("source") {
            $0.member("vendor", event.source.vendor)
            $0.member("name", event.source.name)
            $0.member("event", event.source.event)
        }
        if let call = event.call { write(call, to: &out) }
        write(event.body, callOf: event.call, source: event.source.name, to: &out)
        if event.late { out.member("late", true) }
        out.member("uncertain_ms", event.uncertainMilliseconds)
        out.member("caused_by", event.causedBy)
        if !event.body.extra.isEmpty {
            out.object("extra") { $0.members(event.body.extra) }
        }
        if event.replayed { out.member("replayed", true) }
        if let raw = event.body.raw { write(raw, to: &out) }
        out.append("}\n")
    }

    /// The line as text, without its newline.
    public static func text(_ event: CallEvent) -> String {
        var writer = ByteWriter()
        write(event, to: &writer)
        return String(decoding: writer.bytes.dropLast(), as: UTF8.self)
    }

    /// A hash of what `body` says of an entity, the same in every run. Whether a state dump or a message says it makes no
    /// difference, unless it says that the entity is gone.
    static func hash(of body: EventBody) -> UInt64 {
        var body = body
        if case .entity(var entity) = body.detail, entity.change != .removed {
            entity.change = .updated
            body.detail = .entity(entity)
        }
        var writer = ByteWriter(capacity: 512)
        write(body, callOf: nil, source: "", to: &writer)
        writer.members(body.extra)
        return writer.withBytes { TextHash($0).value }
    }

    private static func write(_ call: CallReference, to out: inout ByteWriter) {
        out.object("call") {
            $0.member("id", call.id)
            $0.member("seq", call.seq)
            $0.member("state", word: call.state.rawValue)
            $0.member("direction", word: call.direction.rawValue)
            $0.member("leg", call.leg)
            $0.member("peer_leg", call.peerLeg)
            $0.member("alerting", call.alerting)
            $0.member("gaps", call.gaps)
        }
    }

    private static func write(
        _ body: EventBody, callOf call: CallReference?, source: String, to out: inout ByteWriter
    ) {
        if let from = body.from { out.object("from") { write(from, to: &$0) } }
        if let to = body.to { out.object("to") { write(to, to: &$0) } }
        if let agent = body.agent { out.object("agent") { write(agent, to: &$0) } }
        if let queue = body.queue { out.object("queue") { write(queue, to: &$0) } }
        if case .target(let target) = body.detail { out.object("target") { write(target, to: &$0) } }
        if let trunk = body.trunk {
            out.object("trunk") {
                $0.member("name", trunk.name)
                $0.member("channel", trunk.channel)
            }
        }
        out.list("contacts", body.contacts) {
            $0.member("id", $1.id)
            $0.member("name", $1.name)
            $0.member("organization", $1.organization)
            $0.member("region", $1.region)
            $0.member("avatar", $1.avatar)
        }
        if let detail = body.detail { DetailWriter.writeBeforeTiming(detail, to: &out) }
        if let timing = body.timing { out.object("timing") { write(timing, to: &$0) } }
        if let outcome = body.outcome { out.object("outcome") { write(outcome, to: &$0) } }
        if let detail = body.detail { DetailWriter.writeAfterOutcome(detail, to: &out) }
        write(body.references, of: call, source: source, to: &out)
    }

    static func write(_ party: Party, to out: inout ByteWriter) {
        out.member("number", party.number)
        out.member("e164", party.e164)
        out.member("name", party.name)
        out.member("location", word: party.location?.rawValue)
        if party.isAnonymous { out.member("anonymous", true) }
    }

    private static func write(_ agent: Agent, to out: inout ByteWriter) {
        out.member("id", agent.id)
        out.member("name", agent.name)
        out.member("extension", agent.extension)
        out.member("number", agent.number)
        out.member("endpoint", agent.endpoint)
    }

    private static func write(_ queue: Queue, to out: inout ByteWriter) {
        out.member("id", queue.id)
        out.member("name", queue.name)
        out.member("number", queue.number)
        out.member("type", word: queue.type?.rawValue)
        out.member("tech_id", queue.techID)
        out.member("tech_name", queue.techName)
    }

    static func write(_ target: Target, to out: inout ByteWriter) {
        out.member("type", word: target.type.rawValue)
        out.member("id", target.id)
        out.member("number", target.number)
        out.member("name", target.name)
    }

    private static func write(_ timing: Timing, to out: inout ByteWriter) {
        out.member("source", word: timing.source.rawValue)
        out.member("offered_at", timing.offeredAt)
        out.member("queued_at", timing.queuedAt)
        out.member("ringing_at", timing.ringingAt)
        out.member("answered_at", timing.answeredAt)
        out.member("ended_at", timing.endedAt)
        out.member("queue_ms", timing.queueMilliseconds)
        out.member("ring_ms", timing.ringMilliseconds)
        out.member("talk_ms", timing.talkMilliseconds)
        out.member("hold_ms", timing.holdMilliseconds)
        out.member("park_ms", timing.parkMilliseconds)
        out.member("total_ms", timing.totalMilliseconds)
    }

    private static func write(_ outcome: Outcome, to out: inout ByteWriter) {
        out.member("disposition", word: (outcome.disposition ?? .unknown).rawValue)
        out.member("side", word: outcome.side?.rawValue)
        out.member("ended_by", word: outcome.endedBy?.rawValue)
        out.member("closure", word: outcome.closure?.rawValue)
        out.member("sip", outcome.sip)
        out.member("q850", outcome.q850)
        out.member("reason", outcome.reason)
        out.member("detail", outcome.detail)
        out.member("tech", outcome.tech)
    }

    /// `refs.vendor_call_id` is the call's id without the source's name; it is not carried twice in memory.
    private static func write(
        _ references: References, of call: CallReference?, source: String, to out: inout ByteWriter
    ) {
        guard call != nil || !references.isEmpty else { return }
        out.object("refs") {
            if let call {
                $0.member("vendor_call_id")
                $0.append(jsonString: call.id, skipping: source.utf8.count + 1)
            }
            for entry in references.entries where !(call != nil && entry.key == .vendorCallID) {
                $0.member(entry.key.name, entry.value)
            }
        }
    }

    private static func write(_ raw: RawPayload, to out: inout ByteWriter) {
        out.object("raw") {
            $0.member("encoding", word: raw.encoding.rawValue)
            if raw.isTruncated { $0.member("truncated", true) }
            $0.member("data")
            switch raw.encoding {
            case .json: $0.append(utf8: raw.data)
            case .text, .base64: $0.append(jsonString: raw.data)
            }
        }
    }
}
