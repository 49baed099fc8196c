import BridgeCore
import Codecs
import NIOCore

// What an RTE connection is there for, above the hub protocol: which events to ask for, and when all of it is there.
//
//   closed ──connected──▶ asking ──what the hub offers──▶ restoring ──all pairs answered──▶ up
//     ▲                     └──────────── connection lost, or given up ────────────────────────┘
//
// A driver calls one input, pulls `nextAction()` until nil, and calls `deadlineReached` at `nextDeadline`.

/// The conversation with an RTE hub over one connection after the other: time and answers in, calls out.
struct EnreachSession {
    /// One call of a hub method.
    struct Call: Equatable, Sendable {
        let number: Int
        let method: String
        /// The arguments as a JSON array.
        let arguments: [UInt8]
    }

    /// Why a connection is given up.
    enum CloseReason: Equatable, Sendable {
        /// The hub does not subscribe as RTE does.
        case notRTE(String)
        /// A call got no answer in its time.
        case unanswered(method: String)
    }

    enum Action: Equatable, Sendable {
        case invoke(Call)
        /// Everything that is wanted has been answered: the link does what it is for.
        case up
        /// Look what entities there are.
        case enumerate([EnreachEntity.Kind])
        /// Pairs that were refused for the first time.
        case refused([EnreachSubscriptionPlan.Refusal])
        /// Events that the hub offers and nobody here knows.
        case unknownEvents([String])
        /// Events that the configuration lists and the hub does not offer.
        case eventsNotOffered([String])
        case fail(CloseReason)
    }

    private enum Phase: Equatable {
        /// No connection. → asking
        case closed
        /// AvailableSubscriptions is under way. → restoring, closed
        case asking
        /// Pairs are asked for. → up, closed
        case restoring
        /// Events are what they were subscribed to be. → closed
        case up
    }

    private enum Purpose: Equatable {
        /// How many arguments the call had: the vendor's documents disagree.
        case available(arguments: Int)
        case batch(Int)
    }

    private let enumerationInterval: TimeAmount
    private var plan: EnreachSubscriptionPlan
    private var phase = Phase.closed
    private var purposes: [Int: (purpose: Purpose, method: String)] = [:]
    private var lastCall = 0
    private var actions: [Action] = []
    private var nextEnumeration: NIODeadline?
    private var isEnumerating = false
    /// How many there were of a kind.
    private var known: [EnreachEntity.Kind: Int] = [:]
    /// Kinds of which the latest enumeration found nothing, after one that had found something.
    private var doubted: Set<EnreachEntity.Kind> = []
    private var toldUnknown: Set<String> = []
    private var toldNotOffered: Set<String> = []

    init(plan: EnreachSubscriptionPlan, enumerationInterval: TimeAmount) {
        (self.plan, self.enumerationInterval) = (plan, enumerationInterval)
    }

    var isUp: Bool { phase == .up }
    /// There is a connection, be it of use or not yet.
    var isConnected: Bool { phase != .closed }
    /// Without a connection nothing is held.
    var counts: EnreachSubscriptionPlan.Counts {
        var counts = plan.counts
        if !isConnected { counts.held = 0 }
        return counts
    }
    /// Pairs beyond the bound.
    var leftOut: Int { plan.leftOut }

    /// The entities of a kind of which an event, in lower case, is told.
    func heldEntities(ofEvent event: String) -> [UUID128] { plan.heldEntities(ofEvent: event) }

    var enumeratedKinds: [EnreachEntity.Kind] { plan.enumeratedKinds }

    /// Kinds of entities that have to be enumerated before a connection is of use.
    var missingKinds: [EnreachEntity.Kind] { plan.enumeratedKinds.filter { known[$0] == nil } }

    // MARK: - Inputs

    /// The hub has shaken hands: nothing of an earlier connection holds any more.
    mutating func connected(now: NIODeadline) {
        phase = .asking
        (purposes, actions) = ([:], [])
        plan.connectionOpened()
        invoke("AvailableSubscriptions", [UInt8]("[]".utf8), .available(arguments: 0))
    }

    mutating func connectionClosed() {
        phase = .closed
        (purposes, actions, isEnumerating) = ([:], [], false)
    }

    /// What an enumeration found. That everything has gone at once is believed when it is said twice.
    mutating func enumerated(_ found: [EnreachEntity.Kind: [UUID128]], now: NIODeadline) {
        isEnumerating = false
        for (kind, ids) in found {
            if ids.isEmpty, known[kind] ?? 0 > 0, doubted.insert(kind).inserted { continue }
            doubted.remove(kind)
            known[kind] = ids.count
            plan.setEntities(ids, of: kind)
        }
        if !plan.enumeratedKinds.isEmpty { nextEnumeration = now + enumerationInterval }
        proceed(now: now)
    }

    /// What was found before stays.
    mutating func enumerationFailed(now: NIODeadline) {
        isEnumerating = false
        nextEnumeration = now + enumerationInterval
    }

    /// The hub's result of a call; nil: it has none.
    mutating func answered(_ number: Int, with result: JSONValue?, now: NIODeadline) {
        guard let (purpose, _) = purposes.removeValue(forKey: number) else { return }
        switch purpose {
        case .available(let arguments):
            guard let result, result.kind == .array else {
                return availableFailed(arguments: arguments, now: now)
            }
            offered(result.elements.compactMap(\.string))
        case .batch(let batch):
            do throws(EnreachSubscriptionError) {
                guard let result else { throw EnreachSubscriptionError("a call was answered without a result") }
                try plan.answered(batch, with: result, now: now)
            } catch {
                return giveUp(.notRTE(error.description))
            }
        }
        proceed(now: now)
    }

    /// The hub answered a call with an error.
    mutating func failed(_ number: Int, because reason: String, now: NIODeadline) {
        guard let (purpose, _) = purposes.removeValue(forKey: number) else { return }
        switch purpose {
        case .available(let arguments): return availableFailed(arguments: arguments, now: now)
        case .batch(let batch):
            do {
                try plan.failed(batch, because: reason, now: now)
            } catch {
                return giveUp(.notRTE(error.description))
            }
        }
        proceed(now: now)
    }

    /// A call had no answer in its time.
    mutating func timedOut(_ number: Int) {
        guard let (_, method) = purposes.removeValue(forKey: number) else { return }
        giveUp(.unanswered(method: method))
    }

    /// What came in the meantime cannot be held back any longer: the link is up, although pairs are still asked for.
    mutating func cannotWait() {
        guard phase == .asking || phase == .restoring else { return }
        if phase == .asking { offeredUnknown() }
        becomeUp()
    }

    mutating func deadlineReached(now: NIODeadline) {
        if phase == .up, !isEnumerating, let due = nextEnumeration, due <= now {
            isEnumerating = true
            nextEnumeration = nil
            actions.append(.enumerate(plan.enumeratedKinds))
        }
        proceed(now: now)
    }

    // MARK: - Outputs

    mutating func nextAction() -> Action? { actions.isEmpty ? nil : actions.removeFirst() }

    /// When `deadlineReached` has something to do.
    var nextDeadline: NIODeadline? {
        guard phase == .up else { return nil }
        return [nextEnumeration, plan.nextDeadline].compactMap { $0 }.min()
    }

    // MARK: - Parts

    private mutating func invoke(_ method: String, _ arguments: [UInt8], _ purpose: Purpose) {
        lastCall += 1
        purposes[lastCall] = (purpose, method)
        actions.append(.invoke(Call(number: lastCall, method: method, arguments: arguments)))
    }

    /// A .NET server wants the exact number of arguments; the seed passes one, the only public client none.
    private mutating func availableFailed(arguments: Int, now: NIODeadline) {
        guard phase == .asking else { return }
        if arguments == 0 {
            invoke("AvailableSubscriptions", [UInt8]("[[]]".utf8), .available(arguments: 1))
        } else {
            offeredUnknown()
            proceed(now: now)
        }
    }

    /// The hub does not say what it offers: what the adapter knows is asked for.
    private mutating func offeredUnknown() { phase = .restoring }

    private mutating func offered(_ names: [String]) {
        if phase == .asking { phase = .restoring }
        let unknown = plan.setOffered(names).filter { toldUnknown.insert($0).inserted }
        if !unknown.isEmpty { actions.append(.unknownEvents(unknown)) }
        let missing = plan.takeNamesNotOffered().filter { toldNotOffered.insert($0).inserted }
        if !missing.isEmpty { actions.append(.eventsNotOffered(missing)) }
    }

    private mutating func proceed(now: NIODeadline) {
        guard phase == .restoring || phase == .up else { return }
        while let batch = plan.nextBatch(now: now) {
            invoke(batch.method.rawValue, [UInt8]("[".utf8) + batch.argument + [UInt8]("]".utf8), .batch(batch.number))
        }
        let refusals = plan.takeRefusals()
        if !refusals.isEmpty { actions.append(.refused(refusals)) }
        if phase == .restoring, plan.isSettled { becomeUp() }
    }

    private mutating func becomeUp() {
        phase = .up
        actions.append(.up)
    }

    private mutating func giveUp(_ reason: CloseReason) {
        guard phase != .closed else { return }
        connectionClosed()
        actions.append(.fail(reason))
    }
}

extension EnreachSession.CloseReason: CustomStringConvertible {
    /// One sentence with advice.
    var description: String {
        switch self {
        case .notRTE(let what):
            "the hub does not subscribe as RTE does (\(what)); look whether url leads to the RTE hub"
        case .unanswered(let method): "no answer to \(method) in time; look whether the hub is well"
        }
    }

    /// Somebody has to change something: back off longer.
    var isRefusal: Bool {
        switch self {
        case .notRTE: true
        case .unanswered: false
        }
    }
}
