import Codecs

/// Why a text is no CallEvent line.
public enum LineError: Error, Equatable, Sendable, CustomStringConvertible {
    case json(JSONError)
    /// The member is missing, or not what the schema says.
    case member(String)

    public var description: String {
        switch self {
        case .json(let error): "expected a CallEvent line, found text that is no JSON: \(error)"
        case .member(let path): "expected a CallEvent line; its member '\(path)' is missing or malformed"
        }
    }
}

/// Lines back to events. Members that this version does not know are ignored, as the model asks of every consumer.
public enum LineReader {
    private static let limits = JSONLimits(bytes: 4 << 20, depth: 64)

    /// Reads one line; a newline at the end may stay or be missing.
    public static func read(_ line: UnsafeRawBufferPointer) throws(LineError) -> CallEvent {
        let document: JSONDocument
        do { document = try JSONDocument(line, limits: limits) } catch { throw .json(error) }
        return try read(document.root)
    }

    public static func read(_ line: String) throws(LineError) -> CallEvent {
        let bytes = Array(line.utf8)
        let result = bytes.withUnsafeBytes { buffer in
            Result<CallEvent, LineError> { () throws(LineError) in try read(buffer) }
        }
        return try result.get()
    }

    private static func read(_ root: JSONValue) throws(LineError) -> CallEvent {
        guard let version = root["v"]?.integer, version == 1 else { throw .member("v") }
        guard let source = root["source"] else { throw .member("source") }
        var event = CallEvent(
            id: try required(root.uuid("id"), "id"), kind: try required(root.string("kind").flatMap(Kind.init), "kind"),
            stream: try required(root.uuid("stream"), "stream"), seq: try required(root["seq"]?.integer, "seq"),
            occurredAt: try required(root.time("occurred_at"), "occurred_at"),
            receivedAt: try required(root.time("received_at"), "received_at"),
            timeSource: try required(root.word("time_source"), "time_source"),
            origin: try required(root.word("origin"), "origin"), tenant: root.string("tenant"),
            source: SourceReference(
                vendor: try required(source.string("vendor"), "source.vendor"),
                name: try required(source.string("name"), "source.name"),
                event: try required(source.string("event"), "source.event")))
        event.call = try root["call"].map { (call) throws(LineError) in try readCall(call) }
        event.body = try readBody(root, kind: event.kind)
        event.late = root["late"]?.bool ?? false
        event.uncertainMilliseconds = root["uncertain_ms"]?.integer
        event.causedBy = root.uuid("caused_by")
        event.replayed = root["replayed"]?.bool ?? false
        return event
    }

    private static func readCall(_ call: JSONValue) throws(LineError) -> CallReference {
        CallReference(
            id: try required(call.string("id"), "call.id"), seq: try required(call.int32("seq"), "call.seq"),
            state: try required(call.word("state"), "call.state"),
            direction: try required(call.word("direction"), "call.direction"), leg: call.string("leg"),
            peerLeg: call.string("peer_leg"), alerting: call.int32("alerting"), gaps: call.int32("gaps"))
    }

    private static func readBody(_ root: JSONValue, kind: Kind) throws(LineError) -> EventBody {
        var body = EventBody()
        body.from = root["from"].map(readParty)
        body.to = root["to"].map(readParty)
        body.agent = try root["agent"].map { (agent) throws(LineError) in
            Agent(
                id: try required(agent.string("id"), "agent.id"), name: agent.string("name"),
                extension: agent.string("extension"), number: agent.string("number"),
                endpoint: agent.string("endpoint"))
        }
        body.queue = try root["queue"].map { (queue) throws(LineError) in
            var read = Queue(
                id: try required(queue.string("id"), "queue.id"), name: queue.string("name"),
                number: queue.string("number"), type: queue.word("type"))
            (read.techID, read.techName) = (queue.string("tech_id"), queue.string("tech_name"))
            return read
        }
        body.detail = try DetailReader.read(root, kind: kind)
        body.trunk = root["trunk"].map { Trunk(name: $0.string("name"), channel: $0.string("channel")) }
        body.contacts = (root["contacts"]?.elements ?? []).map {
            Contact(
                id: $0.string("id"), name: $0.string("name"), organization: $0.string("organization"),
                region: $0.string("region"), avatar: $0.string("avatar"))
        }
        body.timing = try root["timing"].map { (timing) throws(LineError) in try readTiming(timing) }
        body.outcome = root["outcome"].map(readOutcome)
        if let references = root["refs"] {
            for key in References.Key.allCases where !(key == .vendorCallID && root["call"] != nil) {
                body.references[key] = references.string(key.name)
            }
        }
        body.extra = (root["extra"]?.members ?? []).map { ExtraField($0.name, $0.value.string ?? "") }
        body.raw = root["raw"].flatMap(readRaw)
        return body
    }

    private static func readParty(_ value: JSONValue) -> Party {
        var party = Party(
            number: value.string("number"), e164: value.string("e164"), name: value.string("name"),
            location: value.word("location"))
        party.isAnonymous = value["anonymous"]?.bool ?? false
        return party
    }

    private static func readTiming(_ value: JSONValue) throws(LineError) -> Timing {
        var timing = Timing(source: try required(value.word("source"), "timing.source"))
        timing.offeredAt = value.time("offered_at")
        timing.queuedAt = value.time("queued_at")
        timing.ringingAt = value.time("ringing_at")
        timing.answeredAt = value.time("answered_at")
        timing.endedAt = value.time("ended_at")
        timing.queueMilliseconds = value["queue_ms"]?.integer
        timing.ringMilliseconds = value["ring_ms"]?.integer
        timing.talkMilliseconds = value["talk_ms"]?.integer
        timing.holdMilliseconds = value["hold_ms"]?.integer
        timing.parkMilliseconds = value["park_ms"]?.integer
        timing.totalMilliseconds = value["total_ms"]?.integer
        return timing
    }

    private static func readOutcome(_ value: JSONValue) -> Outcome {
        var outcome = Outcome(disposition: value.word("disposition"))
        outcome.side = value.word("side")
        outcome.endedBy = value.word("ended_by")
        outcome.closure = value.word("closure")
        outcome.sip = value.int32("sip")
        outcome.q850 = value.int32("q850")
        outcome.reason = value.string("reason")
        outcome.detail = value.string("detail")
        outcome.tech = value.string("tech")
        return outcome
    }

    private static func readRaw(_ value: JSONValue) -> RawPayload? {
        guard let encoding: RawPayload.Encoding = value.word("encoding"), let data = value["data"] else { return nil }
        var writer = ByteWriter()
        switch encoding {
        case .json: writer.append(json: data)
        case .text, .base64: writer.append(utf8: data.string ?? "")
        }
        return RawPayload(
            encoding: encoding, data: String(decoding: writer.bytes, as: UTF8.self),
            isTruncated: value["truncated"]?.bool ?? false)
    }

    static func required<Value>(_ value: Value?, _ path: String) throws(LineError) -> Value {
        guard let value else { throw .member(path) }
        return value
    }
}

/// Typed members of a JSON object; nil where a member is missing or of another type.
extension JSONValue {
    func string(_ name: StaticString) -> String? { self[name]?.string }
    func time(_ name: StaticString) -> Timestamp? { string(name).flatMap { Timestamp($0) } }
    func uuid(_ name: StaticString) -> UUID128? { string(name).flatMap { UUID128($0) } }
    func int32(_ name: StaticString) -> Int32? { self[name]?.integer.flatMap { Int32(exactly: $0) } }
    func boolean(_ name: StaticString) -> Bool? { self[name]?.bool }

    func word<Word: RawRepresentable<String>>(_ name: StaticString) -> Word? {
        string(name).flatMap { Word(rawValue: $0) }
    }

    var integer: Int64? { numberText.flatMap { Int64($0) } }
    func integer(_ name: StaticString) -> Int64? { self[name]?.integer }
}
