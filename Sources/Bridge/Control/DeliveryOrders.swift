import Codecs
import Store

/// What an operator can order about the deliveries of a tenant, beside the running service or inside it: everything is a change in
/// the store. Each is on the disk when it returns; they block.
struct DeliveryOrders: Sendable {
    let store: Store

    struct Refusal: Error, CustomStringConvertible {
        let description: String
    }

    /// Sends dead letters on their way again. Returns how many.
    func retry(_ selection: LetterSelection, of sink: String, at now: Timestamp) throws -> Int {
        try know(sink)
        let count = try count(selection, of: sink)
        store.revive(selection, of: sink, since: now.microseconds)
        try store.flush()
        return count
    }

    /// Removes dead letters, also those of a sink that is no longer configured.
    func purge(_ selection: LetterSelection, of sink: String) throws -> (purged: Int, left: Int) {
        if try !store.letterCounts().contains(where: { $0.sink == sink }) { try know(sink) }
        let purged = try count(selection, of: sink)
        store.purge(selection, of: sink)
        try store.flush()
        return (purged, try countDead(of: sink))
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
        if let call, try !holds(call, first...last) {
            throw Refusal(description: "no line of call '\(call)' has been delivered to '\(sink)' in that time")
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

    private func holds(_ call: String, _ seqs: ClosedRange<Int64>) throws -> Bool {
        let mark = CallMark(call)
        var isFound = false
        try store.forEachLine(from: seqs.lowerBound, through: seqs.upperBound, descending: true) { _, _, _, line in
            isFound = mark.isOn(line)
            return !isFound
        }
        return isFound
    }

    /// How many dead letters are meant. What is named and is none is a mistake, and then nothing is done.
    private func count(_ selection: LetterSelection, of sink: String) throws -> Int {
        guard case .seqs(let seqs) = selection else { return try countDead(of: sink) }
        for seq in seqs {
            switch try store.letter(of: sink, seq: seq)?.state {
            case .dead: break
            case .parked: throw Refusal(description: "seq \(seq) of '\(sink)' is parked: it is tried by itself")
            case .retry: throw Refusal(description: "seq \(seq) of '\(sink)' is on its way already")
            case nil: throw Refusal(description: "sink '\(sink)' has no dead letter with seq \(seq)")
            }
        }
        return Set(seqs).count
    }

    private func countDead(of sink: String) throws -> Int {
        try store.letterCounts().first { $0.sink == sink && $0.state == .dead }?.count ?? 0
    }
}
