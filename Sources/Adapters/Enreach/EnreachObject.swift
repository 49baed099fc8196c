import CallModel
import Codecs

/// The members of one object of a message, by meaning: whatever the case of their names, and whatever scalar stands for what.
///
/// What is taken out of it is used up. `extra` is what nobody took.
struct EnreachObject {
    /// Members of one object; more are nothing that RTE sends.
    static let maximumMembers = 256

    private let members: [JSONValue.Member]
    /// For each member the field that it is; nil for names that nobody knows and for fields that were taken.
    private var fields: [EnreachField?]
    /// Members that were taken, and those that a later one of the same name replaces.
    private var isUsed: [Bool]
    /// What was left of the objects of lists, by the list's place.
    private var leftovers: [(index: Int, extra: ExtraField)] = []
    private let timeZone: EnreachTimeZone

    /// `value` has at most `maximumMembers`.
    init(_ value: JSONValue, timeZone: EnreachTimeZone) {
        members = value.members
        self.timeZone = timeZone
        fields = members.map { EnreachField($0) }
        isUsed = Array(repeating: false, count: members.count)
        for (index, field) in fields.enumerated() where field != nil {
            guard let earlier = fields[..<index].firstIndex(of: field) else { continue }
            (fields[earlier], isUsed[earlier]) = (nil, true)
        }
    }

    private func index(of field: EnreachField) -> Int? {
        // By hand: this is looked at for each field of each message.
        for index in fields.indices where fields[index] == field { return index }
        return nil
    }

    private mutating func use(_ index: Int) { (fields[index], isUsed[index]) = (nil, true) }

    /// Uses `field` up where `read` makes something of its value. Null says nothing, like a member that is not there.
    private mutating func take<Value>(_ field: EnreachField, _ read: (JSONValue) -> Value?) -> Value? {
        guard let index = index(of: field) else { return nil }
        let value = members[index].value
        guard !value.isNull else {
            use(index)
            return nil
        }
        guard let result = read(value) else { return nil }
        use(index)
        return result
    }

    // MARK: - Scalars

    /// The text, `""` included; a number or truth value in its spelling.
    mutating func text(orEmpty field: EnreachField) -> String? { take(field, Self.text) }

    /// As above, where an empty text says nothing.
    mutating func text(_ field: EnreachField) -> String? {
        guard let text = text(orEmpty: field), !text.isEmpty else { return nil }
        return text
    }

    private static func text(_ value: JSONValue) -> String? {
        switch value.kind {
        case .string: value.string
        case .number: value.numberText
        case .boolean: value.bool == true ? "true" : "false"
        case .null, .array, .object: nil
        }
    }

    /// An id: a GUID in lower case, as it is compared; any other text as it is. The GUID of nothing but zeros is nobody's. What
    /// is too long to be an id stays unused.
    mutating func id(_ field: EnreachField) -> String? {
        let text = take(field) { value in
            Self.text(value).flatMap { $0.utf8.count <= EnreachID.maximumBytes ? $0 : nil }
        }
        return text.flatMap(EnreachID.normalized)
    }

    /// True where the GUID of nothing but zeros stands.
    func isNobody(_ field: EnreachField) -> Bool {
        index(of: field).map { members[$0].value.string == EnreachID.nobody } ?? false
    }

    /// A whole number, also as text. What is none, or too small, stays unused.
    mutating func integer(_ field: EnreachField, atLeast minimum: Int64 = .min) -> Int64? {
        take(field) { value in
            guard let text = value.numberText ?? value.string, let number = Self.integer(text), number >= minimum
            else { return nil }
            return number
        }
    }

    private static func integer(_ text: String) -> Int64? {
        if let number = Int64(text) { return number }
        guard let number = Double(text), number == number.rounded(), abs(number) < 9e15 else { return nil }
        return Int64(number)
    }

    /// A truth value, also as text or as 0 and 1.
    mutating func boolean(_ field: EnreachField) -> Bool? {
        take(field) { value in
            if let bool = value.bool { return bool }
            switch value.numberText ?? value.string?.lowercased() {
            case "true", "1": return true
            case "false", "0": return false
            default: return nil
            }
        }
    }

    // MARK: - Times

    /// A time, and how the vendor spelled it.
    struct Moment {
        /// nil: it cannot be known.
        let time: Timestamp?
        let spelling: String

        /// .NET's smallest time: nothing was set.
        var isUnset: Bool { spelling.hasPrefix("0001-01-01") }
        /// .NET's largest: there is no end.
        var isEndless: Bool { spelling.hasPrefix("9999-") }
    }

    /// Any number of fractional digits; no zone is the configured one. What is no time, or cannot be known, stays unused.
    mutating func moment(_ field: EnreachField) -> Moment? {
        guard let index = index(of: field) else { return nil }
        guard let text = members[index].value.string, !text.isEmpty else {
            if members[index].value.isNull { use(index) }
            return nil
        }
        var moment = Moment(time: nil, spelling: text)
        // In whatever zone: these are no times, and cannot be moved.
        if moment.isUnset || moment.isEndless {
            use(index)
            return moment
        }
        guard let (time, zone) = Timestamp.parse(text) else { return nil }
        if let known = zone == .stated ? time : timeZone.moment(ofZoneless: time) {
            use(index)
            moment = Moment(time: known, spelling: text)
        }
        return moment
    }

    mutating func time(_ field: EnreachField) -> Timestamp? { moment(field)?.time }

    // MARK: - Lists

    /// What `read` makes of each object of an array; nil where there is no such array. One that holds anything else stays unused.
    /// Members that `read` leaves are kept: see `extra`.
    mutating func list<Element>(_ field: EnreachField, _ read: (inout EnreachObject) -> Element) -> [Element]? {
        guard let index = index(of: field) else { return nil }
        let timeZone = timeZone
        let taken: [EnreachObject]? = take(field) { value in
            let elements = value.elements
            guard value.kind == .array,
                elements.allSatisfy({ $0.kind == .object && $0.memberCount <= Self.maximumMembers })
            else { return nil }
            return elements.map { EnreachObject($0, timeZone: timeZone) }
        }
        guard var objects = taken else { return nil }
        let result = objects.indices.map { read(&objects[$0]) }
        if let left = Self.json(leftOf: objects) {
            leftovers.append((index, ExtraField(field.rawValue, left)))
        }
        return result
    }

    /// An array with what nobody took of each object, at its place; nil where that is nothing.
    private static func json(leftOf objects: [EnreachObject]) -> String? {
        let left = objects.map { $0.unused() }
        guard left.contains(where: { !$0.isEmpty }) else { return nil }
        var writer = ByteWriter(capacity: 256)
        for (position, members) in left.enumerated() {
            writer.append(position == 0 ? "[{" : ",{")
            for (place, member) in members.enumerated() {
                if place > 0 { writer.append(",") }
                writer.append(jsonString: member.name)
                writer.append(":")
                writer.append(json: member.value)
            }
            writer.append("}")
        }
        writer.append("]")
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// Texts of an array, or the one text.
    mutating func texts(_ field: EnreachField) -> [String] {
        take(field) { value in
            if value.kind == .array {
                let texts = value.elements.compactMap(Self.text)
                return texts.count == value.elements.count ? texts : nil
            }
            return Self.text(value).map { [$0] }
        } ?? []
    }

    // MARK: - The rest

    /// A member that is of no use to anybody.
    mutating func drop(_ name: StaticString) {
        for index in members.indices where !isUsed[index] && members[index].isNamed(ignoringCase: name) {
            isUsed[index] = true
        }
    }

    /// True where something was said that nobody could make anything of, or that nobody asked for.
    func isLeft(_ field: EnreachField) -> Bool { index(of: field).map { !members[$0].value.isNull } ?? false }

    /// What nobody took, in the vendor's order: known names in the documentation's spelling, others as they came. A name that
    /// comes twice keeps its last value; null, empty texts and GUIDs of zeros say nothing. What was left of a list has its name,
    /// as JSON.
    func extra() -> [ExtraField] {
        unused().map { ExtraField($0.name, Self.text($0.value) ?? Self.json($0.value)) } + leftovers.map(\.extra)
    }

    private func unused() -> [(name: String, value: JSONValue)] {
        var unused: [(name: String, value: JSONValue)] = []
        for index in members.indices where !isUsed[index] {
            let value = members[index].value
            guard !value.isNull, value.string.map({ !$0.isEmpty && $0 != EnreachID.nobody }) ?? true else { continue }
            let name = fields[index]?.rawValue ?? members[index].name
            if let earlier = unused.firstIndex(where: { $0.name == name }) { unused.remove(at: earlier) }
            unused.append((name, value))
        }
        return unused
    }

    private static func json(_ value: JSONValue) -> String {
        var writer = ByteWriter(capacity: 256)
        writer.append(json: value)
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

/// Ids as RTE has them: GUIDs, which are compared without case.
enum EnreachID {
    static let nobody = "00000000-0000-0000-0000-000000000000"
    static let maximumBytes = 128

    static func isGUID(_ text: String) -> Bool { UUID128(text) != nil }

    /// A GUID in lower case, any other text as it is; nil for the GUID of nothing but zeros, and for an empty text.
    static func normalized(_ text: String) -> String? {
        if text.isEmpty || text == nobody { return nil }
        guard text.utf8.count == 36, text.utf8.contains(where: { $0 &- 0x41 < 26 }), isGUID(text) else { return text }
        return text.lowercased()
    }
}
