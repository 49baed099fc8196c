import Codecs
import Store

/// What an operator can order about the deliveries of a tenant, beside the running service or inside it: everything is a change in
/// the store. Each is on the disk when it returns; they block.
struct DeliveryOrders: Sendable {
    let store: Store

    struct Refusal: Error, CustomStringConvertible {
        let description: String
    }

    /// Sends dead letters on their way again. Returns how many there are now to be sent.
    func retry(_ selection: LetterSelection, of sink: String, at now: Timestamp) throws -> Int {
        try know(sink)
        store.revive(selection, of: sink, since: now.microseconds)
        try store.flush()
        return try count(.retry, of: sink)
    }

    /// Removes dead letters. Returns how many are left.
    func purge(_ selection: LetterSelection, of sink: String) throws -> Int {
        store.purge(selection, of: sink)
        try store.flush()
        return try count(.dead, of: sink)
    }

    /// Has stored lines delivered again: those received from `since` to `until`, or those of one call.
    /// Lines that have not been delivered yet come anyway and are not among them.
    func replay(
        to sink: String, since: Timestamp?, until: Timestamp?, call: String?, at now: Timestamp
    ) throws -> StoredReplay {
        try know(sink)
        let cursor = store.cursor(of: sink) ?? 0
        var first = store.firstSeq
        if let since { first = try store.firstSeq(receivedAtOrAfter: since.microseconds) }
        var last = cursor
        if let until { last = min(last, try store.firstSeq(receivedAtOrAfter: until.microseconds + 1) - 1) }
        guard first <= last else {
            throw Refusal(description: "no line of that time has been delivered to '\(sink)'; it is at seq \(cursor)")
        }
        // Unique among those of the sink: later ones are asked for later.
        let id = max(now.microseconds, (try store.replays(of: sink).map(\.id).max() ?? 0) + 1)
        let replay = StoredReplay(id: id, sink: sink, next: first, through: last, call: call)
        store.put(replay)
        try store.flush()
        return replay
    }

    private func know(_ sink: String) throws {
        let known = store.cursors.keys.sorted()
        guard !known.contains(sink) else { return }
        throw Refusal(description: "there is no sink '\(sink)'; there are \(known.joined(separator: ", "))")
    }

    private func count(_ state: StoredLetter.State, of sink: String) throws -> Int {
        try store.letterCounts().first { $0.sink == sink && $0.state == state }?.count ?? 0
    }
}
