import CallModel
import Codecs

/// One notification of Teleforge: the fields of its payload by meaning, whatever they are called.
///
/// Accepts all published payload versions, and every scalar in place of any other (reference: Teleforge wiki, "Redis
/// Notifications"; a field means the same in C2D and dialler unless said here).
struct TeleforgeMessage {
    /// What a field means.
    enum Field: Int, CaseIterable {
        case callID, agent, remoteNumber, ownNumber, contactReference, direction, campaign, reason, cause
        case holdTime, callTime, dialedAt, recording, reference, status
    }

    /// Places of the inline tables below.
    static var fieldCount: Int { 15 }

    /// Names of each field; of several that are present the first one counts, the others go to `extra`.
    static let names: [(Field, [StaticString])] = [
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

    private struct Alias {
        let name: StaticString
        let field: Field
        let rank: Int
    }

    /// Names by their length: a payload's names are told apart by a few comparisons, and none of them becomes a text.
    private static let byLength: [[Alias]] = {
        let aliases = names.flatMap { field, names in
            names.enumerated().map { Alias(name: $1, field: field, rank: $0) }
        }
        let longest = aliases.map(\.name.utf8CodeUnitCount).max() ?? 0
        return (0...longest).map { length in aliases.filter { $0.name.utf8CodeUnitCount == length } }
    }()

    private static func alias(of member: JSONValue.Member) -> Alias? {
        let length = member.nameLength
        guard length < byLength.count else { return nil }
        return byLength[length].first { member.isNamed($0.name) }
    }

    private let members: [JSONValue.Member]
    /// For each member the field that it is the value of; nil for those that go to `extra`.
    private var roles: [Field?]
    /// For each field the index of its member; -1 where there is none.
    private var chosen: InlineArray<15, Int>
    /// Names that came twice: the last one counts.
    private var repeatedNames: [String] = []
    private let isTypeHidden: Bool

    /// `isEnvelope`: the message without a payload of its own, whose `type` is no field.
    init(payload: JSONValue, isEnvelope: Bool = false) {
        members = payload.members
        roles = Array(repeating: nil, count: members.count)
        chosen = InlineArray(repeating: -1)
        var ranks = InlineArray<15, Int>(repeating: .max)
        for (index, member) in members.enumerated() {
            guard let alias = Self.alias(of: member) else { continue }
            let (field, named) = (alias.field, alias.rank)
            let current = chosen[field.rawValue]
            let isRepeated = current >= 0 && members[current].name == member.name
            // A null or empty text leaves the field to an alias.
            let rank = member.value.isNull || member.value.isEmpty ? named + 100 : named
            guard isRepeated || rank < ranks[field.rawValue] else { continue }
            if current >= 0 { roles[current] = nil }
            if isRepeated { repeatedNames.append(member.name) }
            (roles[index], chosen[field.rawValue], ranks[field.rawValue]) = (field, index, rank)
        }
        isTypeHidden = isEnvelope
    }

    /// What has no home, in the vendor's order and spelling: unknown members, aliases that lost, values that are no scalars,
    /// and the `unused` fields. A name that comes twice keeps the last value. Null and empty texts say nothing.
    func extra(unused: [Field] = []) -> [ExtraField] {
        var fields: [ExtraField] = []
        var positions: [String: Int] = [:]
        var repeated = repeatedNames
        for (index, member) in members.enumerated() {
            if let field = roles[index], !unused.contains(field), member.value.isScalar { continue }
            guard !member.value.isNull, !isRepetition(index), !(isTypeHidden && member.name == "type") else { continue }
            let field = ExtraField(member.name, Self.text(of: member.value))
            if let position = positions.updateValue(fields.count, forKey: member.name) {
                positions[member.name] = position
                fields[position] = field
                repeated.append(member.name)
            } else {
                fields.append(field)
            }
        }
        fields.removeAll { $0.value.isEmpty }
        if !repeated.isEmpty { fields.append(ExtraField("repeated_names", repeated.joined(separator: ","))) }
        return fields
    }

    /// True for a member of a known name whose value a later one of the same name has replaced.
    private func isRepetition(_ index: Int) -> Bool {
        guard roles[index] == nil, !repeatedNames.isEmpty, let field = Self.alias(of: members[index])?.field else {
            return false
        }
        let current = chosen[field.rawValue]
        return current > index && members[current].name == members[index].name
    }

    /// A scalar as text, anything else as JSON.
    private static func text(of value: JSONValue) -> String {
        if let text = value.scalarText { return text }
        var writer = ByteWriter(capacity: 256)
        writer.append(json: value)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// The field as text, `""` included; nil where it is absent, null, an array or an object.
    func text(_ field: Field) -> String? {
        let index = chosen[field.rawValue]
        return index < 0 ? nil : members[index].value.scalarText
    }

    /// As `text`, where an empty text means absent.
    func reference(_ field: Field) -> String? {
        guard let text = text(field), !text.isEmpty else { return nil }
        return text
    }

    /// A count of seconds in milliseconds: `12`, `"12"` and `12.0` alike; negative and absurd values are no durations.
    func milliseconds(_ field: Field) -> Int64? {
        guard let text = reference(field) else { return nil }
        if let whole = Int64(text) { return (0...100_000_000).contains(whole) ? whole * 1000 : nil }
        guard let seconds = Self.decimal(text), (0...100_000_000).contains(seconds) else { return nil }
        return Int64((seconds * 1000).rounded())
    }

    /// A time: Unix seconds, Unix milliseconds (from 10^11 on), ISO 8601, or `YYYY-MM-DD HH:MM:SS`.
    func time(_ field: Field) -> (time: Timestamp, zone: Timestamp.Zone)? {
        guard let text = reference(field) else { return nil }
        guard let number = Self.decimal(text) else { return Timestamp.parse(text) }
        guard number > 0, number < 1e14 else { return nil }
        if let whole = Int64(text) {
            return (Timestamp(microseconds: whole >= 100_000_000_000 ? whole * 1000 : whole * 1_000_000), .stated)
        }
        let microseconds = number >= 1e11 ? number * 1000 : number * 1_000_000
        return (Timestamp(microseconds: Int64(microseconds.rounded())), .stated)
    }

    /// A decimal number; not the hexadecimal ones and the words that `Double` reads too.
    private static func decimal(_ text: String) -> Double? {
        guard let first = text.utf8.first, first &- 0x30 < 10 || first == UInt8(ascii: "-"),
            text.utf8.allSatisfy({ $0 &- 0x30 < 10 || "+-.eE".utf8.contains($0) })
        else { return nil }
        return Double(text)
    }
}

extension JSONValue {
    /// A value that `scalarText` has a text for.
    fileprivate var isScalar: Bool {
        switch kind {
        case .string, .number, .boolean: true
        case .null, .array, .object: false
        }
    }
}
