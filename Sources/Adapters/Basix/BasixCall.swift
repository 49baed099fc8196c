import CallModel

/// Legs that belong together, and how far their story has been told. Owned by the mapper alone.
final class BasixCall {
    /// The uuid of its root: the leg that was offered first. Stays when the root goes.
    let id: String
    /// Those that are alive.
    var legs: [BasixLeg] = []
    /// nil when it is gone, or was never seen.
    var root: BasixLeg?
    /// When its root was offered: of two calls that become one the older survives.
    var offer: Int64
    var direction: Direction
    /// How to open the call with its first fact, where the root was never seen.
    var opener: CallFact.Opener?
    var from: Party?
    var to: Party?

    /// The state of the driving leg that was told last.
    var activity: BasixActivity?
    var stateTime: Int64 = .min
    var partnerUUID: String?
    /// `other_uuid` of the driving leg when it was told.
    var toldOtherUUID: String?
    /// Who is, or was last, connected.
    var party: BasixParty?
    var wasAnswered = false
    /// Bridged, but to whom has not been said yet.
    var awaitsPartner = false
    /// Who began the transfer that is open.
    var transferrer: BasixParty?
    var isTransferOpen = false
    /// The user that rings because the driving leg says so.
    var ringingUser: String?
    /// Numbers outside that were told to be called.
    var routed: [String] = []
    var contacts: [Contact] = []
    /// Call id of one that became part of this, until it is told.
    var mergedFrom: String?
    /// The root went in a transfer; the call ends so if nobody goes on with it.
    var pendingEnd: CallFact?
    /// What is told instead when somebody goes on with it.
    var pendingLeft: CallFact?
    /// After a restart: who rang and who was connected, and has not been seen yet.
    var unseenRings: Set<String> = []
    var unseenConnected: Set<String> = []
    /// After a restart: the tags that were told last, until its root is seen.
    var restoredTags: String?
    /// After a restart: states up to here have been told.
    var toldThrough: Int64 = .min

    init(id: String, offer: Int64, direction: Direction) {
        (self.id, self.offer, self.direction) = (id, offer, direction)
    }

    /// The leg whose state is that of the call: the root while it lives, then the one that was there first, customers before
    /// users.
    var driver: BasixLeg? {
        if let root { return root }
        return legs.min { left, right in
            let (first, second) = (Self.rank(left), Self.rank(right))
            return first == second ? left.uuid < right.uuid : first < second
        }
    }

    private static func rank(_ leg: BasixLeg) -> (Int, Int, Int64) {
        let standing: Int
        switch leg.activity {
        case nil: standing = 1
        case .eavesdrop: standing = 2
        case .calling, .bridged, .treatment, .conference, .parked, .ringing, .unknown: standing = 0
        }
        return (standing, leg.isExternal == true ? 0 : 1, leg.offer ?? .max)
    }

    /// Another phone of this user rings.
    func rings(user: String?, besides leg: BasixLeg?) -> Bool {
        legs.contains { $0 !== leg && $0.rings && $0.userID == user }
    }

    var isRootInternal: Bool { root.map { $0.isExternal == false } ?? (direction != .inbound) }
}
