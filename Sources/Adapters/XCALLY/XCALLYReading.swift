import Codecs

/// What one Socket.IO event of a Shuttle is.
///
/// The vendor does not say under which name events travel: either each kind has its own, or one name carries all and the
/// payload's `event` tells them apart. Both are taken; the name comes first.
enum XCALLYReading {
    case call(XCALLYMessage, payload: JSONValue)
    /// The payload names an event that nobody documented.
    case unknown(event: String, payload: JSONValue)
    /// An event of ours without a payload that could be one.
    case unreadable(event: String, found: String, payload: JSONValue?)
    /// What a script says to Shuttle, come back: never a fact about a call.
    case verb(String)
    /// Anything else that travels on the same connection.
    case foreign(name: String, payload: JSONValue?)

    /// The events that scripts emit.
    static let verbs: Set<String> = ["RealtimeCTI", "AgentCTI", "AgentCTINotification"]

    /// `argument` is the first one; servers add others of their own behind it.
    init(name: String, argument: JSONValue?, limits: JSONLimits) {
        guard !Self.verbs.contains(name) else {
            self = .verb(name)
            return
        }
        let named = XCALLYEvent(rawValue: name.lowercased())
        let payload = argument.flatMap { Self.object(in: $0, limits) }
        guard let payload else {
            let found = argument.map { "\($0.kind)" } ?? "no argument"
            self =
                named.map { .unreadable(event: $0.rawValue, found: found, payload: argument) }
                ?? .foreign(name: name, payload: argument)
            return
        }
        self.init(payload, named: named, name: name)
    }

    private init(_ payload: JSONValue, named: XCALLYEvent?, name: String) {
        let told = payload["event"]?.string
        if let event = named ?? told.flatMap({ XCALLYEvent(rawValue: $0.lowercased()) }) {
            self = .call(XCALLYMessage(event, payload: payload), payload: payload)
        } else if let told, !told.isEmpty {
            self = .unknown(event: told, payload: payload)
        } else {
            self = .foreign(name: name, payload: payload)
        }
    }

    /// What a script pushed to the bridge with `RealtimeCTI`: its `channel` is the payload of the event.
    init(pushed argument: JSONValue?, limits: JSONLimits) {
        guard let argument, let push = Self.object(in: argument, limits) else {
            let found = argument.map { "\($0.kind)" } ?? "no argument"
            self = .unreadable(event: "RealtimeCTI", found: found, payload: argument)
            return
        }
        guard let channel = push["channel"].flatMap({ Self.object(in: $0, limits) }) else {
            self = .unreadable(
                event: "RealtimeCTI", found: "channel: \(push["channel"].map { "\($0.kind)" } ?? "nothing")",
                payload: push)
            return
        }
        self.init(channel, named: nil, name: "RealtimeCTI")
        guard case .call(var message, let payload) = self else { return }
        for name in Self.pushMembers {
            if let value = push[name] { message.add(name.description, value) }
        }
        self = .call(message, payload: payload)
    }

    /// The members of a push beside `channel`.
    private static let pushMembers: [StaticString] = ["type", "reference", "url"]

    /// The object itself, or the one that a text spells.
    private static func object(in value: JSONValue, _ limits: JSONLimits) -> JSONValue? {
        if value.kind == .object { return value }
        guard let text = value.string, let root = try? JSONDocument(Array(text.utf8), limits: limits).root,
            root.kind == .object
        else { return nil }
        return root
    }
}
