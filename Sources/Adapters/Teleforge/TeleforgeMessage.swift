import CallModel
import Codecs

/// One notification of Teleforge: the fields of its payload by meaning, whatever they are called.
///
/// Accepts all published payload versions and every scalar in place of any other (reference: Teleforge wiki, "Redis
/// Notifications"; a field means the same in C2D and dialler unless said here).
struct TeleforgeMessage {
    /// What a field means.
    enum Field: Int, CaseIterable {
        case callID, agent, remoteNumber, ownNumber, contactReference, direction, campaign, reason, cause
        case holdTime, callTime, dialedAt, recording, reference, status
    }

    /// Names of each field; of several that are present the first one counts, the others go to `extra`.
    static let names: [(Field, [String])] = [
        (.callID, ["call_ref", "call_id", "unique_id"]),
        (.agent, ["extension", "agent", "user_id"]),
        (.remoteNumber, ["number", "phone_number"]),
        (.ownNumber, ["dial_number", "caller_id", "clid", "DNIS", "number_called"]),
        (.contactReference, ["contact_ref", "reference_id"]),
        (.direction, ["call_dir", "call_direction"]),
        (.campaign, ["campaign_ref", "campaign_id"]),
        (.reason, ["end_reason", "disposition", "disposition_code", "dispostion_code", "result_code"]),
        (.cause, ["end_code", "isdn_code", "cause_value", "sip_code"]),
        (.holdTime, ["hold_time"]),
        (.callTime, ["call_time"]),
        (.dialedAt, ["dialed_at", "start_date_time"]),
        (.recording, ["recording_url"]),
        (.reference, ["ref"]),
        (.status, ["status"]),
    ]

    private static let byName: [String: (field: Field, rank: Int)] = {
        var table: [String: (field: Field, rank: Int)] = [:]
        for (field, aliases) in names {
            for (rank, alias) in aliases.enumerated() { table[alias] = (field, rank) }
        }
        return table
    }()

    private var values: [JSONValue?] = Array(repeating: nil, count: Field.allCases.count)
    private(set) var extra: [ExtraField] = []

    init(payload: JSONValue) {
        var ranks = Array(repeating: Int.max, count: Field.allCases.count)
        var chosen = Array(repeating: "", count: Field.allCases.count)
        for member in payload.members {
            guard let (field, rank) = Self.byName[member.name], rank <= ranks[field.rawValue] else {
                addExtra(member.name, member.value)
                continue
            }
            if let worse = values[field.rawValue], rank < ranks[field.rawValue] {
                addExtra(chosen[field.rawValue], worse)
            }
            // A null leaves the field to an alias.
            guard !member.value.isNull else { continue }
            (values[field.rawValue], ranks[field.rawValue], chosen[field.rawValue]) = (member.value, rank, member.name)
        }
    }

    /// Keeps a field that has no home, as text; null says nothing.
    mutating func addExtra(_ name: String, _ value: JSONValue) {
        guard !value.isNull else { return }
        if let text = Self.scalarText(value) { return extra.append(ExtraField(name, text)) }
        var writer = ByteWriter(capacity: 256)
        writer.append(json: value)
        extra.append(ExtraField(name, String(decoding: writer.bytes, as: UTF8.self)))
    }

    mutating func addExtra(_ field: ExtraField) { extra.append(field) }

    /// The field as text, `""` included; nil where it is absent, null, an array or an object.
    func text(_ field: Field) -> String? { values[field.rawValue].flatMap(Self.scalarText) }

    /// As `text`, where an empty text means absent.
    func reference(_ field: Field) -> String? {
        guard let text = text(field), !text.isEmpty else { return nil }
        return text
    }

    /// A count of seconds in milliseconds: `12`, `"12"` and `12.0` alike; negative and absurd values are no durations.
    func milliseconds(_ field: Field) -> Int64? {
        guard let text = reference(field) else { return nil }
        if let whole = Int64(text) { return (0...100_000_000).contains(whole) ? whole * 1000 : nil }
        guard let seconds = Double(text), (0...100_000_000).contains(seconds) else { return nil }
        return Int64(seconds * 1000)
    }

    /// A time: Unix seconds, Unix milliseconds (from 10^11 on), ISO 8601, or `YYYY-MM-DD HH:MM:SS`.
    func time(_ field: Field) -> (time: Timestamp, zone: Timestamp.Zone)? {
        guard let text = reference(field) else { return nil }
        guard let number = Double(text) else { return Timestamp.parse(text) }
        guard number.isFinite, number > 0, number < 1e14 else { return nil }
        if let whole = Int64(text) {
            return (Timestamp(microseconds: whole >= 100_000_000_000 ? whole * 1000 : whole * 1_000_000), .stated)
        }
        return (Timestamp(microseconds: Int64(number >= 1e11 ? number * 1000 : number * 1_000_000)), .stated)
    }

    /// A scalar as text: integers without an exponent; nil for null, arrays and objects.
    static func scalarText(_ value: JSONValue) -> String? {
        switch value.kind {
        case .string: return value.string
        case .boolean: return value.bool == true ? "true" : "false"
        case .number:
            guard let text = value.numberText else { return nil }
            if Int64(text) != nil { return text }
            guard let number = Double(text), number == number.rounded(), abs(number) < 9e15 else { return text }
            return String(Int64(number))
        case .null, .array, .object: return nil
        }
    }
}
