import Codecs

/// In what form a sink gets its lines.
package enum LineFormat: Sendable, Equatable {
    /// CallEvent lines as they are stored.
    case json
    /// CloudEvents 1.0 in the JSON event format (structured mode), one event a line; `typePrefix` stands before each kind.
    case cloudEvents(typePrefix: String)

    /// Appends `line` in this form, without newlines.
    func append(_ line: UnsafeRawBufferPointer, to out: inout ByteWriter) {
        switch self {
        case .json: out.append(line)
        case .cloudEvents(let prefix): CloudEvent.append(line, typePrefix: prefix, to: &out)
        }
    }
}

/// A CallEvent as a CloudEvent (specification 1.0.2): what stands where, taken from the encoded line.
///
/// `id` is the event's id: with `source` it is unique, as required, since ids are stable. `sequence` sorts as text.
package enum CloudEvent {
    /// An attribute and its value, which is JSON text inside quotation marks: escapes as they stand in the line.
    package typealias Attribute = (name: StaticString, value: [UInt8])

    /// All but `specversion` and `datacontenttype`, in the order in which they are written.
    package static func attributes(of line: UnsafeRawBufferPointer, typePrefix: String) -> [Attribute] {
        let members = Members(line)
        func value(_ range: Range<Int>?) -> [UInt8]? { range.map { Array(line[$0]) } }
        var attributes: [Attribute] = []
        func add(_ name: StaticString, _ value: [UInt8]?) {
            if let value, !value.isEmpty { attributes.append((name, value)) }
        }
        add("id", value(members.id))
        let vendor = value(members.vendor) ?? []
        let name = value(members.sourceName) ?? []
        add("source", Array("/cti-bridge/".utf8) + vendor + [UInt8(ascii: "/")] + name)
        add("type", Array(typePrefix.utf8) + (value(members.kind) ?? []))
        add("subject", value(members.call ?? members.agent ?? members.queue ?? members.callback))
        add("time", value(members.occurredAt))
        add("dataschema", Array(schema.utf8))
        add("recordedtime", value(members.receivedAt))
        if let seq = value(members.seq) {
            add("sequence", [UInt8](repeating: UInt8(ascii: "0"), count: max(0, 20 - seq.count)) + seq)
        }
        add("partitionkey", value(members.call))
        add("correlationid", value(members.call))
        add("causationid", value(members.causedBy))
        return attributes
    }

    /// What stands before the kind in `type` where nothing is configured.
    package static let usualTypePrefix = "io.cti-bridge."

    /// The `$id` of the published schema of CallEvents.
    static let schema = "urn:cti-bridge:schema:call-event:1"

    static func append(_ line: UnsafeRawBufferPointer, typePrefix: String, to out: inout ByteWriter) {
        out.append(#"{"specversion":"1.0""#)
        for (name, value) in attributes(of: line, typePrefix: typePrefix) {
            out.append(",\"")
            out.append(name)
            out.append("\":\"")
            out.append(value)
            out.append("\"")
        }
        out.append(#","datacontenttype":"application/json","data":"#)
        out.append(line)
        out.append("}")
    }

    /// Where the members stand that make attributes; texts without their quotation marks.
    private struct Members {
        var id, kind, seq, occurredAt, receivedAt, vendor, sourceName: Range<Int>?
        var call, agent, queue, callback, causedBy: Range<Int>?

        init(_ line: UnsafeRawBufferPointer) {
            var found = Self.empty
            LineMembers.forEach(in: line) { name, value in
                let isText = line[value.lowerBound] == UInt8(ascii: "\"")
                let text = isText ? value.lowerBound + 1..<value.upperBound - 1 : value
                func id() -> Range<Int>? { LineMembers.text("id", in: line, at: value.lowerBound) }
                switch line[name.lowerBound] {
                case UInt8(ascii: "i") where LineMembers.equals(line, name, "id"): found.id = text
                case UInt8(ascii: "k") where LineMembers.equals(line, name, "kind"): found.kind = text
                case UInt8(ascii: "s") where LineMembers.equals(line, name, "seq"): found.seq = text
                case UInt8(ascii: "s") where LineMembers.equals(line, name, "source"):
                    found.vendor = LineMembers.text("vendor", in: line, at: value.lowerBound)
                    found.sourceName = LineMembers.text("name", in: line, at: value.lowerBound)
                case UInt8(ascii: "o") where LineMembers.equals(line, name, "occurred_at"): found.occurredAt = text
                case UInt8(ascii: "r") where LineMembers.equals(line, name, "received_at"): found.receivedAt = text
                case UInt8(ascii: "c") where LineMembers.equals(line, name, "call"): found.call = id()
                case UInt8(ascii: "c") where LineMembers.equals(line, name, "callback"): found.callback = id()
                case UInt8(ascii: "c") where LineMembers.equals(line, name, "caused_by"): found.causedBy = text
                case UInt8(ascii: "a") where LineMembers.equals(line, name, "agent"): found.agent = id()
                case UInt8(ascii: "q") where LineMembers.equals(line, name, "queue"): found.queue = id()
                default: break
                }
                return true
            }
            self = found
        }

        private init() {}
        private static let empty = Members()
    }
}
