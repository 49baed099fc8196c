import NIOCore
import Synchronization

/// The way back to a vendor: named messages over a connection that somebody else keeps. Confined to its event loop.
///
/// A source offers its own where the vendor takes messages on it; a sink for the same vendor that has no connection of its
/// own uses that one.
package protocol VendorLine: AnyObject {
    /// Sends `name` with one JSON text as its argument, at once or not at all.
    func emit(_ name: String, json: [UInt8], wantsAcknowledgement: Bool) -> VendorLineEmission
    /// `user` hears of the line until it is gone. Held weakly.
    func add(_ user: any VendorLineUser)
}

/// What became of a message.
package enum VendorLineEmission: Sendable, Equatable {
    case sent
    /// Sent; the peer is to acknowledge it under this number.
    case awaits(acknowledgement: UInt64)
    /// The line is down.
    case notConnected
    /// It will never be taken as it is.
    case refused(reason: String)
}

/// Told on the event loop of the line.
package protocol VendorLineUser: AnyObject {
    /// The peer takes messages from now on.
    func vendorLineReady()
    /// A message of anybody on the line was acknowledged, or was not in time.
    func vendorLine(acknowledged number: UInt64, inTime: Bool)
}

/// Who uses a line, held weakly.
package struct VendorLineUsers {
    private struct Reference {
        weak var user: (any VendorLineUser)?
    }

    private var references: [Reference] = []

    package init() {}

    package mutating func add(_ user: any VendorLineUser) {
        references.removeAll { $0.user == nil }
        references.append(Reference(user: user))
    }

    package func tellReady() { for reference in references { reference.user?.vendorLineReady() } }

    package func tell(acknowledged number: UInt64, inTime: Bool) {
        for reference in references { reference.user?.vendorLine(acknowledged: number, inTime: inTime) }
    }
}

/// The lines that the sources of a tenant offer, by their names. From any thread.
package final class VendorLines: Sendable {
    private let lines = Mutex<[String: NIOLoopBound<any VendorLine>]>([:])

    package init() {}

    /// On the line's event loop.
    package func offer(_ line: any VendorLine, of source: String, on eventLoop: any EventLoop) {
        let bound = NIOLoopBound(line, eventLoop: eventLoop)
        lines.withLock { $0[source] = bound }
    }

    /// nil: there is no such source yet, or it takes no messages.
    package subscript(source: String) -> NIOLoopBound<any VendorLine>? { lines.withLock { $0[source] } }
}
