import NIOCore
import Testing
import WireProtocols

@testable import Adapters

@Suite("XCALLY: session")
struct XCALLYSessionTests {
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    private static func connected() -> XCALLYSession {
        var session = XCALLYSession()
        session.connected(version: .v3, now: start)
        return session
    }

    // Note, section 5, statement 2.
    @Test("A connection proves itself by standing for half a minute, and then not again by a call")
    func stands() {
        var session = Self.connected()
        #expect(session.nextDeadline == Self.start + .seconds(30))
        let due = [29, 30, 30].map { session.deadlineReached(now: Self.start + .seconds($0)) }
        #expect(due == [nil, .useful, nil] && session.isUseful)
        let isFirst = session.heardOfCall(now: Self.start + .seconds(31))
        #expect(!isFirst)
    }

    @Test("A connection proves itself by its first call, and then not again by standing")
    func tells() {
        var session = Self.connected()
        let isFirst = [1, 2].map { session.heardOfCall(now: Self.start + .seconds($0)) }
        #expect(isFirst == [true, false] && session.isUseful)
        let due = session.deadlineReached(now: Self.start + .seconds(30))
        #expect(due == nil)
    }

    // Note, section 5, statement 9.
    @Test("Connected and not told of a call: said once an hour, until there is one")
    func silent() {
        var session = Self.connected()
        var due = [30, 3600, 5400, 7200].map { session.deadlineReached(now: Self.start + .seconds($0)) }
        #expect(due == [.useful, .silent(hours: 1), nil, .silent(hours: 2)])
        _ = session.heardOfCall(now: Self.start + .minutes(150))
        due = [180, 210].map { session.deadlineReached(now: Self.start + .minutes($0)) }
        #expect(due == [nil, .silent(hours: 1)])
    }

    // Note, section 5, statement 1.
    @Test("Of an old connection only the version is remembered")
    func closed() {
        var session = Self.connected()
        _ = session.heardOfCall(now: Self.start)
        session.connectionClosed()
        #expect(!session.isUp && !session.isUseful && session.nextDeadline == nil && session.version == .v3)
        let isFirst = session.heardOfCall(now: Self.start + .hours(5))
        let due = session.deadlineReached(now: Self.start + .hours(5))
        #expect(!isFirst && due == nil)
        session.connected(version: .v4, now: Self.start + .hours(5))
        #expect(session.isUp && !session.isUseful && session.version == .v4)
        #expect(session.nextDeadline == Self.start + .hours(5) + .seconds(30))
    }
}
