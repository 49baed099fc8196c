import CallModel
import Codecs

/// How calls begin, who is who in them, and what changes without a change of state.
extension BasixMapper {
    // MARK: - Openers

    /// A call of which `leg` is the root.
    mutating func open(_ leg: BasixLeg) {
        leg.waitsUntil = nil
        let isDialed = leg.isInbound == false || leg.isExternal == false
        let direction: Direction
        switch (leg.isInbound, leg.isExternal) {
        case (false?, _): direction = .outbound
        case (_, true?): direction = .inbound
        case (_, false?): direction = Self.direction(of: leg.activity) ?? .unknown
        case (_, nil): direction = .unknown
        }
        let call = BasixCall(
            id: leg.uuid, offer: leg.offer ?? cause.receivedAt.microseconds, direction: direction)
        calls[call.id] = call
        (call.root, call.legs, leg.call) = (leg, [leg], call)
        var opener = fact(isDialed ? .callDialing : .callOffered, call, leg, at: leg.offer)
        opener.body.from = Self.party(leg.callingNumber, name: leg.callingName, isExternal: leg.isExternal)
        opener.body.to = Self.party(leg.calledNumber ?? leg.target?.address, name: nil, isExternal: nil)
        if isDialed, let user = leg.userID { opener.body.agent = agent(user) }
        if let target = leg.target { add(target, to: &opener, isDialed: isDialed) }
        (call.contacts, leg.toldTags) = (contacts(of: leg), leg.tagsText)
        opener.body.contacts = call.contacts
        opener.body.references[.sipCallID] = leg.callID
        opener.body.extra = leg.extra
        tell(opener)
        settle(leg)
    }

    /// A call whose root is not shown to us, told by a second leg of it.
    mutating func openUnseen(_ root: String, toldBy leg: BasixLeg) -> BasixCall {
        let isInbound = leg.peer?.isInbound ?? true
        let isExternal = leg.peer?.isExternal ?? false
        let isOffered = isInbound && isExternal
        let call = BasixCall(
            id: root, offer: leg.peer?.offer ?? leg.offer ?? cause.receivedAt.microseconds,
            direction: isOffered ? .inbound : isInbound && leg.isExternal == false ? .internalCall : .outbound)
        call.opener = .init(
            kind: isOffered ? .callOffered : .callDialing,
            occurredAt: plausible(leg.peer?.offer ?? leg.offer))
        call.from = Self.party(leg.callingNumber, name: leg.callingName, isExternal: leg.peer?.isExternal)
        calls[root] = call
        return call
    }

    private static func party(_ number: String?, name: String?, isExternal: Bool?) -> Party? {
        var party = Party(vendorNumber: number)
        if party == nil, name == nil { return nil }
        if party == nil { party = Party() }
        party?.name = name
        party?.location = isExternal.map { $0 ? .externalSide : .internalSide }
        return party
    }

    /// Whom an inbound call is for; what a user dialled is a target of its own.
    private func add(_ target: BasixTarget, to opener: inout CallFact, isDialed: Bool) {
        if isDialed {
            opener.body.detail = .target(Target(target.isGroup ? .queue : .user, id: target.id, name: target.name))
        } else if target.isGroup {
            opener.body.queue = Queue(id: target.id, name: target.name ?? directory.groupName(target.id))
        } else {
            opener.body.agent = agent(target.id, name: target.name)
        }
    }

    /// Fields of the record at hand, which is the first of `leg`, without a home of their own.
    func extra(of leg: BasixLeg) -> [ExtraField] {
        var fields: [ExtraField] = []
        func add(_ name: String, _ value: String?) {
            if let value, !value.isEmpty { fields.append(ExtraField(name, value)) }
        }
        add("group_id", record.identifier(.groupID))
        add("origination", record[.origination].flatMap { BasixList.origination($0) }?.joined(separator: " "))
        add("tags", leg.tagsText)
        add("last_bridged_user_id", leg.lastBridgedUserID)
        let other = record[.otherInfo].flatMap { BasixOtherInfoView($0) }
        add("whoscall", other?.whoscall?.repairedText)
        record.forEachUndocumented { add($0, $1.identifier ?? $1.notation) }
        return fields
    }

    // MARK: - Who is who

    func agent(_ id: String, name: String? = nil) -> Agent {
        let user = directory.user(id)
        return Agent(id: id, name: name ?? user?.name, extension: user?.extension)
    }

    /// As whom a leg takes part.
    func party(of leg: BasixLeg) -> BasixParty {
        if let user = leg.userID { return BasixParty(agent: agent(user)) }
        if leg.isExternal == true { return BasixParty(target: Target(.number, number: leg.number)) }
        return BasixParty()
    }

    /// Whom the driving leg is bridged to. Of a call that a user places it is that user who counts as connected.
    func partner(of driver: BasixLeg) -> BasixParty {
        let partner = driver.otherUUID.flatMap { legs[$0] }
        if let user = driver.peer?.userID ?? partner?.userID { return BasixParty(agent: agent(user)) }
        if driver.isExternal == false, let user = driver.userID { return BasixParty(agent: agent(user)) }
        if let number = partner?.number ?? driver.peer?.address {
            return BasixParty(target: Target(.number, number: number))
        }
        if let user = driver.lastBridgedUserID { return BasixParty(agent: agent(user)) }
        return BasixParty()
    }

    // MARK: - Direction

    /// What a state says of the direction of a call that a user placed.
    static func direction(of activity: BasixActivity?) -> Direction? {
        switch activity {
        case .calling(_, let isExternal): isExternal.map { $0 ? .outbound : .internalCall }
        case .treatment, .conference: .internalCall
        case .bridged, .parked, .ringing, .eavesdrop, .unknown, nil: nil
        }
    }

    /// A second leg tells where a user's call goes.
    mutating func learnDirection(_ call: BasixCall, from leg: BasixLeg) {
        guard call.direction == .unknown, leg !== call.driver, leg.isInbound == false, !leg.isTechnical else { return }
        guard let isExternal = leg.isExternal else { return }
        setDirection(isExternal ? .outbound : .internalCall, of: call, leg, at: leg.offer)
    }

    mutating func setDirection(_ direction: Direction, of call: BasixCall, _ leg: BasixLeg, at time: Int64?) {
        guard call.direction == .unknown else { return }
        call.direction = direction
        tell(fact(.callUpdated, call, leg, at: time))
    }

    // MARK: - Data

    /// CRM records.
    private func contacts(of leg: BasixLeg) -> [Contact] {
        let items = leg.endUserText.flatMap { BasixEndUsers(Array($0.utf8)) }?.items ?? []
        return items.prefix(64).map(Self.contact).filter { $0 != Contact() }
    }

    private static func contact(_ item: BasixEndUsers.Item) -> Contact {
        func text(_ part: String?) -> String? { part.flatMap { $0.isEmpty ? nil : $0 } }
        return Contact(
            id: text(item.id), name: text(item.name), organization: text(item.organization),
            region: text(item.prefecture), avatar: text(item.avatar))
    }

    /// Tells CRM records and tags that came or changed. They have no time of the vendor, so their ids are made of them.
    mutating func tellData(_ call: BasixCall, _ leg: BasixLeg) {
        guard leg.endUserText != leg.toldEndUser || leg.tagsText != leg.toldTags else { return }
        var updated: CallFact?
        let found = leg.endUserText == leg.toldEndUser ? [] : contacts(of: leg)
        leg.toldEndUser = leg.endUserText
        if !found.isEmpty, found != call.contacts {
            call.contacts = found
            updated = fact(.callUpdated, call, leg, at: nil)
            updated?.body.contacts = found
        }
        if leg.tagsText != leg.toldTags {
            leg.toldTags = leg.tagsText
            if let tags = leg.tagsText {
                updated = updated ?? fact(.callUpdated, call, leg, at: nil)
                updated?.body.extra.append(ExtraField("tags", tags))
            }
        }
        guard var updated else { return }
        updated.identity = .parts([Kind.callUpdated.name, call.id, leg.uuid, Self.digest(of: updated.body)])
        tell(updated)
    }

    private static func digest(of body: EventBody) -> String {
        var text: [String] = []
        for contact in body.contacts {
            text += [contact.id, contact.name, contact.organization, contact.region, contact.avatar].map { $0 ?? "" }
        }
        text += body.extra.map(\.value)
        return Array(text.joined(separator: "\u{1F}").utf8).withUnsafeBytes { Hex.text(Digest.sha256($0)) }
    }
}
