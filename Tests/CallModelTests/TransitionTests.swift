import CallModel
import Codecs
import TestSupport
import Testing

/// Every kind in every state of a call (model, section 7.2).
@Suite("Transitions")
struct TransitionTests {
    enum State: String, CaseIterable, Sendable {
        case unknown, offered, dialing, treatment, queued, ringing, talking, held, parked, ended, tombstone
    }

    /// The facts that bring a call into a state.
    private static func way(to state: State) -> [CallFact] {
        switch state {
        case .unknown: []
        case .offered: [plainFact(.callOffered)]
        case .dialing: [plainFact(.callDialing)]
        case .treatment: [plainFact(.callOffered), plainFact(.callTreatment)]
        case .queued: [plainFact(.callOffered), plainFact(.callQueued)]
        case .ringing: [plainFact(.callOffered), plainFact(.callRinging)]
        case .talking: [plainFact(.callOffered), plainFact(.callAnswered)]
        case .held: [plainFact(.callOffered), plainFact(.callAnswered), plainFact(.callHeld)]
        case .parked: [plainFact(.callOffered), plainFact(.callAnswered), plainFact(.callParked)]
        case .ended, .tombstone: [plainFact(.callOffered), plainFact(.callEnded)]
        }
    }

    /// What a fact becomes in each state, in the order of `State`. `-`: dropped; a word: written, and that is the state
    /// after it; `+`: one more line before it, or after an abandon; `~`: written late; `none`: a line without a call.
    private static let table: [(Kind, String)] = [
        // The states: unknown, offered, dialing, treatment, queued, ringing, talking, held, parked, ended, tombstone.
        (
            .callOffered,
            "offered   -         -         -         -         -         -       -       -         -       -"
        ),
        (
            .callDialing,
            "dialing   -         -         -         -         -         -       -       -         -       -"
        ),
        (
            .callRouted,
            "+offered  offered   dialing   treatment queued    ringing   talking held    parked    ~ended  ~ended"
        ),
        (
            .callTreatment,
            "+treatment treatment treatment -         treatment ringing   talking held    parked    ~ended  ~ended"
        ),
        (
            .callQueued,
            "+queued   queued    queued    queued    -         ringing   talking held    parked    ~ended  ~ended"
        ),
        (
            .callRinging,
            "+ringing  ringing   ringing   ringing   ringing   -         -       -       parked    ~ended  ~ended"
        ),
        (
            .callRingStopped,
            "+offered  -         -         -         -         offered   -       -       -         ~ended  ~ended"
        ),
        (
            .callAnswered,
            "+talking  talking   talking   talking   talking   talking   -       -       talking   ~ended  ~ended"
        ),
        (
            .callHeld,
            "+held     held      held      held      held      held      held    -       parked    ~ended  ~ended"
        ),
        (
            .callRetrieved,
            "+offered  -         -         -         -         -         -       talking -         ~ended  ~ended"
        ),
        (
            .callParked,
            "+parked   parked    parked    parked    parked    parked    parked  parked  -         ~ended  ~ended"
        ),
        (
            .callUnparked,
            "+talking  -         -         -         -         -         -       -       talking   ~ended  ~ended"
        ),
        (
            .callDiverted,
            "+offered  offered   dialing   offered   offered   ringing   talking held    parked    ~ended  ~ended"
        ),
        (
            .callTransferStarted,
            "+offered  offered   dialing   treatment queued    ringing   talking held    parked    ~ended  ~ended"
        ),
        (
            .callTransferConnected,
            "+talking  talking   talking   talking   talking   talking   talking held    parked    ~ended  ~ended"
        ),
        (
            .callTransferCancelled,
            "+offered  offered   dialing   treatment queued    ringing   talking held    parked    ~ended  ~ended"
        ),
        (
            .callConferenced,
            "+talking  talking   talking   talking   talking   talking   talking held    parked    ~ended  ~ended"
        ),
        (
            .callMonitored,
            "+offered  offered   dialing   treatment queued    ringing   talking held    parked    ~ended  ~ended"
        ),
        (
            .callLeft,
            "+offered  -         -         -         -         -         offered held    -         ~ended  ~ended"
        ),
        (
            .callUpdated,
            "+offered  offered   dialing   treatment queued    ringing   talking held    parked    ~ended  ~ended"
        ),
        (
            .callMissed,
            "none      offered   dialing   treatment queued    ringing   talking held    parked    ended   ~ended"
        ),
        (
            .callAbandoned,
            "++ended   +ended    +ended    +ended    +ended    +ended    ended   ended   ended     -       -"
        ),
        (.callEnded, "+ended    ended     ended     ended     ended     ended     ended   ended   ended     -       -"),
        (
            .callRecord,
            "++ended   +ended    +ended    +ended    +ended    +ended    +ended  +ended  +ended    ended   ~ended"
        ),
    ]

    struct Cell: Sendable, CustomTestStringConvertible {
        let kind: Kind
        let state: State
        let expected: String
        var testDescription: String { "\(kind.name) when \(state.rawValue): \(expected)" }
    }

    static let cells: [Cell] = table.flatMap { kind, row in
        zip(State.allCases, row.split(separator: " ")).map { Cell(kind: kind, state: $0, expected: String($1)) }
    }

    @Test("The table has a cell for every call kind and every state")
    func complete() {
        #expect(Self.cells.count == Kind.allCases.count(where: \.isCall) * State.allCases.count)
    }

    @Test("A fact does what the table says", arguments: cells)
    func transition(_ cell: Cell) throws {
        var scene = Scene()
        for (index, step) in Self.way(to: cell.state).enumerated() { scene.apply(step, at: Double(index)) }
        if let state = scene.events.last?.call?.state, cell.state != .tombstone {
            try #require(state.rawValue == cell.state.rawValue)
        }
        if cell.state == .tombstone { scene.advance(to: 3600) }
        let now = cell.state == .tombstone ? 3601.0 : 10
        let events = scene.apply(plainFact(cell.kind), at: now)
        let extra = cell.expected.prefix { $0 == "+" }.count
        let word = cell.expected.drop { $0 == "+" || $0 == "~" }
        if word == "-" {
            #expect(events.map(\.brief) == [])
            let counters = scene.tracker.counters
            #expect(counters.repeatedIDs + counters.repeatedStates == 1)
            return
        }
        try #require(events.count == extra + 1, "\(events.map(\.brief))")
        let last = try #require(events.last)
        #expect(last.kind == (cell.kind == .callAbandoned ? .callEnded : cell.kind))
        #expect(last.late == cell.expected.hasPrefix("~"))
        #expect(last.call?.state.rawValue ?? "none" == word)
        #expect(PromiseJudge.faults(of: scene.events).faults == [])
    }
}
