import CallModel
import Codecs

/// What Shuttle tells of a call, by its own names.
enum XCALLYEvent: String, CaseIterable, Sendable {
    /// An agent's phone rings for a call of a queue.
    case ringing
    /// An agent answered.
    case up
    /// The call of an agent ended, or was handed on.
    case hangup
    /// The caller gave up while waiting.
    case abandon
    /// An agent places a call. The vendor has never shown its payload.
    case outbound
}

/// The payload of one event: its members found by name, whatever their types.
///
/// Every member but `uniqueid` may be missing. A number counts as the text it is spelled as, `""` and null as nothing.
struct XCALLYMessage {
    /// Members that have a home in the model.
    enum Field: Int, CaseIterable {
        case event, queue, agentName, agentNumber, peer, sipName, direction, uniqueID, context, `extension`, trunk
        case channel, callerNumber, callerName, holdTime, ringTime, talkTime, reason

        /// The vendor's spelling.
        var name: String {
            switch self {
            case .agentName: "agentname"
            case .agentNumber: "agentnum"
            case .sipName: "sipname"
            case .uniqueID: "uniqueid"
            case .callerNumber: "callernum"
            case .callerName: "callername"
            case .holdTime: "holdtime"
            case .ringTime: "ringtime"
            case .talkTime: "talktime"
            case .event, .queue, .peer, .direction, .context, .extension, .trunk, .channel, .reason: "\(self)"
            }
        }
    }

    /// Longest text that a member with a home may hold, in bytes; a longer one is kept as any other member.
    static let maximumTextBytes = 1024
    private static let fields = Dictionary(uniqueKeysWithValues: Field.allCases.map { ($0.name, $0) })
    /// Members that repeat the name of the event.
    private static let flags: Set<String> = ["ringing", "up", "hangup", "abandon", "unmanaged", "outbound"]

    let event: XCALLYEvent
    private var values: [JSONValue?]
    /// Members without a home, in their order; of equal names the last.
    private(set) var others: [(name: String, value: JSONValue)] = []

    /// `payload` is an object.
    init(_ event: XCALLYEvent, payload: JSONValue) {
        self.event = event
        values = Array(repeating: nil, count: Field.allCases.count)
        var places: [String: Int] = [:]
        for member in payload.members {
            let name = member.name
            if let field = Self.fields[name] {
                values[field.rawValue] = member.value
            } else if Self.flags.contains(name), Self.isFlag(member.value) {
                continue
            } else if let place = places.updateValue(others.count, forKey: name) {
                places[name] = place
                others[place].value = member.value
            } else {
                others.append((name, member.value))
            }
        }
    }

    private static func isFlag(_ value: JSONValue) -> Bool {
        switch value.kind {
        case .boolean: true
        case .string: ["true", "false", "1", "0", ""].contains(value.string)
        case .number: ["1", "0"].contains(value.numberText)
        case .null, .array, .object: false
        }
    }

    func value(_ field: Field) -> JSONValue? { values[field.rawValue] }

    /// The text of a member; nil where it is absent, empty, no scalar, or too long to be one.
    func text(_ field: Field) -> String? {
        guard let value = values[field.rawValue], value.kind != .boolean, value.source.count <= Self.maximumTextBytes,
            let text = value.scalarText, !text.isEmpty
        else { return nil }
        return text
    }

    /// A whole number of seconds, at most three years of them, in milliseconds: `2`, `"2"` and `2.0` alike.
    func milliseconds(_ field: Field) -> Int64? {
        guard let text = text(field), let seconds = Int64(text), (0...100_000_000).contains(seconds),
            text.utf8.first != UInt8(ascii: "+")
        else { return nil }
        return seconds * 1000
    }
}

extension XCALLYMessage {
    /// Whose phone it is: the number of the agent, else the phone, else whatever names one. nil: nobody is named.
    var agent: Agent? {
        let peer = text(.peer)
        guard let id = text(.agentNumber) ?? peer ?? text(.sipName) ?? text(.agentName) else { return nil }
        return Agent(id: id, name: text(.agentName), extension: text(.agentNumber), endpoint: peer)
    }

    /// The channel through which the call came in, and the trunk it belongs to.
    var trunk: Trunk? {
        guard let channel = text(.trunk) ?? text(.channel) else { return nil }
        return Trunk(name: Self.trunkName(channel), channel: channel)
    }

    /// A channel without its technology and its number: `SIP/demo.trunk-00000392` belongs to `demo.trunk`.
    static func trunkName(_ channel: String) -> String? {
        var name = channel[...]
        if let slash = name.firstIndex(of: "/") { name = name[name.index(after: slash)...] }
        let tail = name.suffix(9)
        if tail.utf8.count == 9, tail.first == "-", tail.dropFirst().utf8.allSatisfy({ Hex.value($0) != nil }) {
            name = name.dropLast(9)
        }
        return name.isEmpty ? nil : String(name)
    }

    /// The caller; words for a withheld number make him anonymous.
    var caller: Party? {
        let name = text(.callerName).flatMap { Party(vendorNumber: $0)?.isAnonymous == true ? nil : $0 }
        let isEmpty = value(.callerNumber).map { $0.kind == .string && $0.isEmpty } ?? false
        guard var party = Party(vendorNumber: isEmpty ? "" : text(.callerNumber)) else {
            return name.map { Party(name: $0) }
        }
        party.name = name
        return party
    }

    /// What `direction` says; nil where it is absent or a word that nobody knows. `unmanaged` is the word of an abandoned
    /// call.
    var statedDirection: Direction? {
        switch text(.direction)?.lowercased() {
        case "inbound", "unmanaged": .inbound
        case "outbound": .outbound
        case "internal": .internalCall
        default: nil
        }
    }

    /// When the caller's channel was made, by the PBX's clock.
    var createdAt: Timestamp? { callID.flatMap(XCALLYUniqueID.createdAt) }
}

/// Asterisk's id of a channel: `<seconds>.<counter>`, with `<system>-` in front where the PBX has a name. An application may
/// have given any other text.
enum XCALLYUniqueID {
    /// `^(?:(.+)-)?([0-9]{9,11})\.([0-9]+)$`; nil for a text of another form.
    static func createdAt(_ id: String) -> Timestamp? {
        let bytes = Array(id.utf8)
        guard let dot = bytes.lastIndex(of: UInt8(ascii: ".")), dot + 1 < bytes.count,
            bytes[(dot + 1)...].allSatisfy({ $0 &- 0x30 < 10 })
        else { return nil }
        let dash = bytes[..<dot].lastIndex(of: UInt8(ascii: "-"))
        let digits = bytes[(dash.map { $0 + 1 } ?? 0)..<dot]
        guard dash != 0, (9...11).contains(digits.count), digits.allSatisfy({ $0 &- 0x30 < 10 }) else { return nil }
        let seconds = digits.reduce(Int64(0)) { $0 * 10 + Int64($1 - 0x30) }
        return Timestamp(microseconds: seconds * 1_000_000)
    }
}

extension XCALLYMessage {
    /// The vendor's id of the call; nil where there is none that could be one.
    var callID: String? {
        guard let text = text(.uniqueID) else { return nil }
        // A number as it was spelled: 1437069264.910 is not 1437069264.91.
        return value(.uniqueID)?.numberText ?? text
    }

    /// An absent member, or one whose text is short enough for its home.
    func isShort(_ field: Field) -> Bool {
        guard let value = value(field) else { return true }
        switch value.kind {
        case .null: return true
        case .string, .number: return value.source.count <= Self.maximumTextBytes
        case .boolean, .array, .object: return false
        }
    }

    /// An attribute from beside the payload; it comes behind the payload's own.
    mutating func add(_ name: String, _ value: JSONValue) {
        guard !others.contains(where: { $0.name == name }) else { return }
        others.append((name, value))
    }
}
