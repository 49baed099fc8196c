import BridgeCore
import CallModel
import Codecs
import Logging
import NIOCore
import Transport

/// After each coming up: what the gap swallowed, over REST. Step by step, so that the interface is never asked for two things at
/// once, and given up with the connection that it belongs to.
extension EnreachSource {
    /// The interface tells at most so much of the past.
    private static let longestGap = Duration.seconds(31 * 86_400)
    /// Users whose availability is asked for, one request each.
    private static let maximumUsers = 2000

    func beginRepair() {
        guard let api else {
            if repair.silentCalls > 0 {
                context.logger.info(
                    "calls that were open when the link was lost carry the gap; with a login REST could tell their ends",
                    metadata: ["calls": "\(repair.silentCalls)"])
            }
            return
        }
        let number = connectionNumber
        let now = context.now()
        let from = lastGood.map { max($0, now.advanced(by: .zero - Self.longestGap)) }
        let users = session.heldEntities(ofEvent: "useravailability")
        let queues = session.heldEntities(ofEvent: "queuestatus")
        repairCalls(api, from: from, now: now, number).assumeIsolated().flatMap {
            self.repairQueues(api, Set(queues), number)
        }.flatMap {
            self.repairUsers(api, users.prefix(Self.maximumUsers), number)
        }.whenFailure { error in
            guard self.connectionNumber == number, !self.isStopped else { return }
            self.context.logger.warning(
                "the gap was not repaired wholly: EnreachAPI did not answer as it should",
                metadata: ["reason": "\(error)"])
        }
    }

    private func repairCalls(
        _ api: EnreachAPI, from: Timestamp?, now: Timestamp, _ number: Int
    ) -> EventLoopFuture<Void> {
        guard let from else { return context.eventLoop.makeSucceededVoidFuture() }
        return api.calls(from: from.advanced(by: .seconds(-60)), to: now.advanced(by: .seconds(60)))
            .assumeIsolated().map { document in
                guard self.connectionNumber == number else { return }
                self.lastGood = nil
                self.tell(self.repair.facts(ofCalls: document.root, from: from, now: self.context.now()))
            }.nonisolated()
    }

    private func repairQueues(_ api: EnreachAPI, _ wanted: Set<UUID128>, _ number: Int) -> EventLoopFuture<Void> {
        guard !wanted.isEmpty, connectionNumber == number else { return context.eventLoop.makeSucceededVoidFuture() }
        return api.queues().assumeIsolated().map { document in
            guard self.connectionNumber == number else { return }
            self.tell(self.repair.facts(ofQueues: document.root, wanted: wanted))
        }.nonisolated()
    }

    /// One after the other.
    private func repairUsers(
        _ api: EnreachAPI, _ users: ArraySlice<UUID128>, _ number: Int
    ) -> EventLoopFuture<Void> {
        guard let user = users.first, connectionNumber == number else {
            return context.eventLoop.makeSucceededVoidFuture()
        }
        return api.availability(of: user).assumeIsolated().flatMap { document in
            if self.connectionNumber == number {
                self.tell(self.repair.facts(ofAvailability: document.root, of: user))
            }
            return self.repairUsers(api, users.dropFirst(), number)
        }.nonisolated()
    }
}
