import BridgeCore
import Codecs

/// What is wanted to be heard of entities of one kind.
struct EnreachSubscription: Sendable, Equatable {
    enum Entities: Sendable, Equatable {
        /// Whatever EnreachAPI lists, now and later.
        case all
        /// At least one, each once.
        case listed([UUID128])
    }

    enum Events: Sendable, Equatable {
        /// Whatever the hub offers for the kind.
        case all
        /// At least one; names that belong to the kind.
        case listed([String])
    }

    let kind: EnreachEntity.Kind
    let entities: Entities
    let events: Events

    /// Everything of every kind.
    static let everything = EnreachEntity.Kind.allCases.map {
        EnreachSubscription(kind: $0, entities: .all, events: .all)
    }
}

extension EnreachEntity.Kind {
    /// The key that chooses entities of the kind.
    var key: String {
        switch self {
        case .user: "users"
        case .queue: "queues"
        case .callList: "call_lists"
        }
    }
}

extension ConfigurationSection {
    /// The list `subscriptions`. `canEnumerate`: there is an interface that tells what `all` is.
    func enreachSubscriptions(_ key: String, canEnumerate: Bool) -> [EnreachSubscription]? {
        sections(key, title: "a subscription", ifEmpty: "remove it for everything, or name at least one entry")?
            .flatMap { section in
                defer { section.finish() }
                return section.enreachSubscription(canEnumerate: canEnumerate)
            }
    }

    /// One entry: a value for each kind of entity that it names.
    private func enreachSubscription(canEnumerate: Bool) -> [EnreachSubscription] {
        // In the order of the documentation.
        let kinds: [EnreachEntity.Kind] = [.queue, .user, .callList]
        let chosen = kinds.compactMap { kind in
            enreachEntities(kind.key, canEnumerate: canEnumerate).map { (kind: kind, entities: $0) }
        }
        let named = kinds.filter { keys.contains($0.key) }
        let events = enreachEvents("events", for: named)
        if named.isEmpty {
            report(
                "a subscription to nothing", at: mark,
                hint: "name some of queues, users, call_lists, such as queues: all")
        }
        return chosen.compactMap { kind, entities in
            guard let events else { return EnreachSubscription(kind: kind, entities: entities, events: .all) }
            let own = events.filter { EnreachEntity.Kind(ofEvent: $0) == kind }
            return own.isEmpty ? nil : EnreachSubscription(kind: kind, entities: entities, events: .listed(own))
        }
    }

    /// `all`, or a list of GUIDs.
    private func enreachEntities(_ key: String, canEnumerate: Bool) -> EnreachSubscription.Entities? {
        guard let node = value(key) else { return nil }
        if case .scalar(let text, _) = node.content {
            guard text == "all" else {
                report(
                    "expected 'all' or a list of GUIDs for '\(key)', found \(ConfigurationDiagnostic.quoted(text))",
                    at: node.mark, hint: "write \(key): all, or \(key): [GUID, GUID]")
                return nil
            }
            guard canEnumerate else {
                report(
                    "'\(key): all' needs 'login': only EnreachAPI knows what there is", at: node.mark,
                    hint: "list the GUIDs, or write api_url and login in place of url and token")
                return nil
            }
            return .all
        }
        guard let scalars = scalars(key, ifEmpty: "name at least one GUID, or remove it") else { return nil }
        var ids: [UUID128] = []
        for scalar in scalars {
            guard let id = guid(scalar, of: key) else { continue }
            let found = ConfigurationDiagnostic.quoted(scalar.text)
            if id == UUID128(high: 0, low: 0) {
                report("\(found) is the GUID of nobody", at: scalar.mark)
            } else if ids.contains(id) {
                report("\(found) is there twice, in other letters", at: scalar.mark)
            } else {
                ids.append(id)
            }
        }
        return ids.isEmpty ? nil : .listed(ids)
    }

    /// The names of events, in the vendor's spelling; nil for all.
    private func enreachEvents(_ key: String, for kinds: [EnreachEntity.Kind]) -> [String]? {
        guard let node = value(key) else { return nil }
        if case .scalar("all", _) = node.content { return nil }
        let scalars = scalars(key, ifEmpty: "name at least one event, or write \(key): all") ?? []
        var names: [String] = []
        for scalar in scalars {
            let found = ConfigurationDiagnostic.quoted(scalar.text)
            guard let name = EnreachEvent.knownName(scalar.text) else {
                report(
                    "unknown event \(found) in '\(key)'", at: scalar.mark,
                    hint: Suggestion.nearest(to: scalar.text, among: EnreachEvent.knownNames)
                        .map { "did you mean '\($0)'?" } ?? "\(key): all takes whatever the hub offers")
                continue
            }
            guard let kind = EnreachEntity.Kind(ofEvent: name), kinds.isEmpty || kinds.contains(kind) else {
                let owner = EnreachEntity.Kind(ofEvent: name)?.key ?? "others"
                report(
                    "\(found) is an event of \(owner), of which this subscription names none", at: scalar.mark,
                    hint: "add '\(owner): …' to it, or remove the event")
                continue
            }
            if names.contains(name) {
                report("\(found) is there twice, in other letters", at: scalar.mark)
            } else {
                names.append(name)
            }
        }
        return names
    }
}
