import CallModel
import Codecs

/// A CallEvent as the object that Shuttle's scripts push as `channel` (note, section 4.6): the payload of the Shuttle itself
/// where the line carries it, else its own names filled from the event. `time` is set in either.
enum XCALLYChannel {
    /// The kinds that Shuttle has an event for.
    static func event(_ event: CallEvent) -> String? {
        // A call of a Shuttle ends with an abandon too, and that is what the Shuttle called it.
        if event.source.vendor == "xcally", event.kind == .callEnded, event.source.event == "abandon" {
            return "abandon"
        }
        switch event.kind {
        case .callRinging: return "ringing"
        case .callAnswered: return "up"
        case .callAbandoned: return "abandon"
        case .callEnded: return "hangup"
        default: return nil
        }
    }

    /// Appends the object. `name` is the event's name.
    static func append(_ event: CallEvent, name: String, to writer: inout ByteWriter) {
        writer.append("{")
        var isFirst = true
        if !appendPayload(of: event, to: &writer, &isFirst) { appendFields(of: event, name, to: &writer, &isFirst) }
        member("time", milliseconds(event.occurredAt), to: &writer, &isFirst)
        writer.append("}")
    }

    /// `2015-07-16T17:54:30.000Z`, as a script's Date is written.
    static func milliseconds(_ time: Timestamp) -> String { "\(time.description.prefix(23))Z" }

    /// Unchanged but for `time`. False where the line does not carry it.
    private static func appendPayload(
        of event: CallEvent, to writer: inout ByteWriter, _ isFirst: inout Bool
    ) -> Bool {
        guard event.source.vendor == "xcally", let raw = event.body.raw, raw.encoding == .json, !raw.isTruncated,
            let root = try? JSONDocument(Array(raw.data.utf8), limits: JSONLimits(bytes: 4 << 20, depth: 64)).root,
            root.kind == .object
        else { return false }
        for item in root.members where !item.isNamed("time") {
            separate(&writer, &isFirst)
            writer.append(jsonString: item.name)
            writer.append(":")
            writer.append(json: item.value)
        }
        return true
    }

    /// Shuttle's names in its own order, all of them texts but the flag.
    private static func appendFields(
        of event: CallEvent, _ name: String, to writer: inout ByteWriter, _ isFirst: inout Bool
    ) {
        let isAbandon = name == "abandon"
        let body = event.body
        let direction = isAbandon ? "unmanaged" : event.call?.direction.rawValue
        let fields: [(name: String, value: String?)] = [
            ("event", name), ("queue", body.queue.map { $0.name ?? $0.id }),
            ("agentname", isAbandon ? nil : body.agent?.name),
            ("agentnum", isAbandon ? nil : body.agent.map { $0.extension ?? $0.id }),
            ("peer", isAbandon ? nil : body.agent?.endpoint), ("direction", direction),
            ("uniqueid", event.vendorCallID), ("context", body.references[.context]), ("extension", body.to?.number),
            ("trunk", body.trunk.flatMap { $0.channel ?? $0.name }), ("callernum", body.from?.number),
            ("callername", body.from?.name), ("holdtime", seconds(body.timing?.queueMilliseconds, name != "ringing")),
            ("ringtime", seconds(body.timing?.ringMilliseconds, name == "up" || name == "hangup")),
            ("talktime", seconds(body.timing?.talkMilliseconds, name == "hangup")),
            ("reason", name == "hangup" ? reason(body.outcome) : nil),
        ]
        var known: Set<String> = ["time", isAbandon ? "unmanaged" : name]
        for field in fields {
            guard let value = field.value, !value.isEmpty else { continue }
            member(field.name, value, to: &writer, &isFirst)
            known.insert(field.name)
        }
        if event.source.vendor == "xcally" {
            // Custom variables, and what else the Shuttle had said.
            for field in body.extra where known.insert(field.name).inserted {
                member(field.name, field.value, to: &writer, &isFirst)
            }
        }
        separate(&writer, &isFirst)
        writer.append(jsonString: isAbandon ? "unmanaged" : name)
        writer.append(":true")
    }

    private static func seconds(_ milliseconds: Int64?, _ isWanted: Bool) -> String? {
        isWanted ? milliseconds.map { String($0 / 1000) } : nil
    }

    /// Shuttle's words are agent, caller and transfer.
    private static func reason(_ outcome: Outcome?) -> String? {
        switch outcome?.endedBy {
        case .agent: "agent"
        case .customer: "caller"
        case .system, nil: outcome?.reason
        }
    }

    private static func member(
        _ name: String, _ value: String, to writer: inout ByteWriter, _ isFirst: inout Bool
    ) {
        separate(&writer, &isFirst)
        writer.append(jsonString: name)
        writer.append(":")
        writer.append(jsonString: value)
    }

    private static func separate(_ writer: inout ByteWriter, _ isFirst: inout Bool) {
        if !isFirst { writer.append(",") }
        isFirst = false
    }
}
