import CallModel
import Codecs
import WireProtocols

/// Users, groups, members, terminals, domains, and what nobody documented.
extension BasixMapper {
    /// The note of ids, where it changed; for the same transaction as the facts.
    mutating func takeNote() -> [UInt8]? { directory.takeNote() }

    /// The record at hand.
    mutating func takeEntity(_ element: BasixElement, _ event: BERTTerm) -> Bool {
        let word = event.repairedText ?? "updated"
        cause.event = "\(element.name)/\(word)"
        guard let id = entityID(of: element) else {
            tellUnmapped(event: cause.event, Problem(.missingField, detail: "id"))
            return false
        }
        tellOnceIfUnknown(element)
        let change: Entity.Change = word == "added" ? .added : word == "removed" ? .removed : .updated
        if element == .groupMember { return takeMember(id, change) }
        tellEntity(element, id, change)
        return true
    }

    /// All there is of an element.
    mutating func takeEntities(_ element: BasixElement, _ items: [BasixItem]) {
        cause.event = "initial_info/\(element.name)"
        if !items.isEmpty { tellOnceIfUnknown(element) }
        var seen: Set<String> = []
        var members: [(id: String, member: BasixDirectory.Member)] = []
        for item in items {
            self.item = item
            record.load(item)
            guard let id = entityID(of: element) else {
                tellUnmapped(event: cause.event, Problem(.missingField, detail: "id"))
                continue
            }
            seen.insert(id)
            if element == .groupMember {
                if let member = member { members.append((id, member)) }
            } else {
                tellEntity(element, id, .snapshot)
            }
        }
        item = nil
        if element == .groupMember {
            tellMembers(members)
        } else {
            for id in (directory.entries[element] ?? [:]).keys.sorted() where !seen.contains(id) {
                tellGone(element, id)
            }
        }
        tellSnapshot(of: element, count: items.count)
    }

    private func entityID(of element: BasixElement) -> String? {
        record.identifier(.id) ?? record.identifier(.uuid) ?? (element == .groupMember ? nil : record.identifier(.name))
    }

    private mutating func tellOnceIfUnknown(_ element: BasixElement) {
        guard case .other(let name) = element else { return }
        tellUnknown("element \(name)", event: cause.event, .unknownEvent, detail: "element \(name)")
    }

    // MARK: - Entities

    private mutating func tellEntity(_ element: BasixElement, _ id: String, _ change: Entity.Change) {
        if element == .user, change != .removed {
            directory.name(
                user: id,
                BasixDirectory.User(name: record.text(.name), extension: record.identifier(.mainExtension)))
        }
        if element == .group, change != .removed { directory.name(group: id, record.text(.name)) }
        let known = directory[element, id]
        var entry = BasixDirectory.Entry()
        var fact = state(.directoryChanged)
        var entity = Entity(Self.type(of: element), id: id, change: change)
        entity.name = record.text(.name)
        entity.label = record.text(.label)
        entity.extension = record.identifier(.mainExtension)
        entity.email = record.text(.email)
        entity.registered = record[.registered].flatMap { $0.bool ?? $0.int64.map { $0 != 0 } }
        fact.body.detail = .entity(entity)
        fact.body.extra = extraOfEntity()
        var hasher = Hasher()
        for text in [entity.name, entity.label, entity.extension, entity.email] { hasher.combine(text) }
        hasher.combine(entity.registered)
        for field in fact.body.extra { hasher.combine([field.name, field.value]) }
        entry.hash = hasher.finalize()
        if change == .removed {
            directory.remove(element, id: id)
            return tell(fact)
        }
        if known?.hash != entry.hash { tell(fact) }
        if element == .user { tellPresence(of: id, known?.presence, &entry) }
        if element == .user || element == .group { tellMailbox(of: id, element, known?.mailbox, &entry) }
        directory.set(entry, of: element, id: id)
    }

    private mutating func tellGone(_ element: BasixElement, _ id: String) {
        var entity = Entity(Self.type(of: element), id: id, change: .removed)
        entity.name = element == .user ? directory.user(id)?.name : element == .group ? directory.groupName(id) : nil
        directory.remove(element, id: id)
        var fact = state(.directoryChanged)
        fact.origin = .synthetic
        fact.body.detail = .entity(entity)
        tell(fact)
    }

    private func state(_ kind: Kind) -> CallFact {
        var fact = CallFact(kind, event: cause.event)
        fact.identity = .state
        fact.origin = cause.origin
        return withRaw(fact)
    }

    private static func type(of element: BasixElement) -> Entity.EntityType {
        switch element {
        case .user: .user
        case .group: .queue
        case .terminal: .terminal
        case .domain: .domain
        case .channel, .channelWaiting, .queuedChannel, .parkedChannel, .groupMember, .other: .other
        }
    }

    /// Fields that have no home in `entity`, `presence` and `voicemail`.
    private func extraOfEntity() -> [ExtraField] {
        var fields: [ExtraField] = []
        record.forEachField { name, field, term in
            switch field {
            case .id, .name, .label, .mainExtension, .email, .registered, .presence, .doNotDisturbStatus,
                .forwardAlwaysStatus, .followMe, .mwi:
                return
            default:
                let value = term.identifier ?? term.notation
                if !value.isEmpty, value != "\"\"" { fields.append(ExtraField(name, value)) }
            }
        }
        return fields
    }

    // MARK: - Presence and mailboxes

    private mutating func tellPresence(of user: String, _ known: String?, _ entry: inout BasixDirectory.Entry) {
        let fields: [BasixField] = [.presence, .doNotDisturbStatus, .forwardAlwaysStatus, .followMe]
        let values = fields.map { record.identifier($0) }
        entry.presence = values.map { $0 ?? "" }.joined(separator: "\u{1F}")
        guard values.contains(where: { $0 != nil }), known != entry.presence else { return }
        let isDND = values[1].map { $0 != "0" }
        // The codes of `presence` are not documented.
        var presence = Presence(isDND == true ? .dnd : .unknown)
        (presence.raw, presence.doNotDisturb, presence.forwarding) = (values[0], isDND, values[2].map { $0 != "0" })
        var fact = state(.agentPresence)
        fact.body.agent = agent(user)
        fact.body.detail = .presence(presence)
        if let followMe = values[3] { fact.body.extra = [ExtraField("followme", followMe)] }
        tell(fact)
    }

    private mutating func tellMailbox(
        of id: String, _ element: BasixElement, _ known: String?, _ entry: inout BasixDirectory.Entry
    ) {
        entry.mailbox = record.text(.mwi) ?? ""
        guard known ?? "" != entry.mailbox else { return }
        var voicemail = Voicemail()
        voicemail.owner = Target(element == .user ? .user : .queue, id: id, name: record.text(.name))
        let counts = entry.mailbox.split(separator: "/", omittingEmptySubsequences: false).map { Int64($0) }
        var fact = state(.voicemailStatus)
        if counts.count == 2, let new = counts[0], let saved = counts[1], new >= 0, saved >= 0 {
            (voicemail.new, voicemail.saved) = (new, saved)
        } else if !entry.mailbox.isEmpty {
            fact.body.extra = [ExtraField("mwi", entry.mailbox)]
        }
        fact.body.detail = .voicemail(voicemail)
        tell(fact)
    }

    // MARK: - Members

    /// The membership in the record at hand; nil without a group or a user.
    private var member: BasixDirectory.Member? {
        guard let group = record.identifier(.groupID), let user = record.identifier(.userID) else { return nil }
        return BasixDirectory.Member(
            group: group, user: user, priority: record.integer(.priority),
            loginStatus: record.identifier(.loginStatus), role: record.identifier(.role))
    }

    private mutating func takeMember(_ id: String, _ change: Entity.Change) -> Bool {
        let known = directory.members[id]
        guard let member = member ?? (change == .removed ? known : nil) else {
            tellUnmapped(event: cause.event, Problem(.missingField, detail: "group_id or user_id"))
            return false
        }
        if change == .removed {
            directory.removeMember(id: id)
            tellDelta(of: member.group, [(member, .removed)])
            return true
        }
        if let known, known.group != member.group || known.user != member.user {
            tellDelta(of: known.group, [(known, .removed)])
        }
        directory.set(member, id: id)
        let isNew = known.map { $0.group != member.group || $0.user != member.user } ?? (change == .added)
        if known != member { tellDelta(of: member.group, [(member, isNew ? .added : .updated)]) }
        return true
    }

    /// All memberships there are: whole lists of the groups that changed, and what is gone of the others.
    private mutating func tellMembers(_ members: [(id: String, member: BasixDirectory.Member)]) {
        var groups: [String] = []
        var lists: [String: [BasixDirectory.Member]] = [:]
        var changed: Set<String> = []
        for (id, member) in members {
            if lists[member.group] == nil { groups.append(member.group) }
            lists[member.group, default: []].append(member)
            if let known = directory.members[id], known != member { changed.formUnion([known.group, member.group]) }
            if directory.members[id] == nil { changed.insert(member.group) }
        }
        let present = Set(members.map(\.id))
        let gone = directory.members.filter { !present.contains($0.key) }.sorted { $0.key < $1.key }
        changed.formUnion(gone.map(\.value.group))
        for (id, member) in members { directory.set(member, id: id) }
        for (id, _) in gone { directory.removeMember(id: id) }
        for group in groups where changed.contains(group) { tellList(of: group, lists[group] ?? []) }
        var emptied: [String: [(BasixDirectory.Member, Entity.Change)]] = [:]
        for (_, member) in gone where lists[member.group] == nil {
            emptied[member.group, default: []].append((member, .removed))
        }
        for group in emptied.keys.sorted() { tellDelta(of: group, emptied[group] ?? []) }
    }

    private mutating func tellList(of group: String, _ members: [BasixDirectory.Member]) {
        var fact = state(.queueMembers)
        fact.body.queue = Queue(id: group, name: directory.groupName(group))
        fact.body.detail = .members(Members(mode: .full, members: members.map { Self.member($0, nil) }))
        tell(fact)
    }

    private mutating func tellDelta(of group: String, _ changes: [(BasixDirectory.Member, Entity.Change)]) {
        var fact = state(.queueMembers)
        fact.body.queue = Queue(id: group, name: directory.groupName(group))
        fact.body.detail = .members(Members(mode: .delta, members: changes.map { Self.member($0.0, $0.1) }))
        tell(fact)
    }

    private static func member(_ member: BasixDirectory.Member, _ change: Entity.Change?) -> Members.Member {
        var told = Members.Member(agentID: member.user)
        told.priority = member.priority
        told.loggedIn = member.loginStatus.map { $0 != "0" }
        told.role = member.role
        told.change = change
        return told
    }
}
