import NIOCore
import WireProtocols

/// Which end of a list is taken from.
enum TeleforgeListEnd: String, Sendable {
    case left
    case right
}

/// Removes stored elements from their list: `LREM key ±1 <bytes>`, one per element, in the order of the list.
///
/// A removal that finds nothing costs the server a scan of the whole list, so that after one the next are sent one by one.
/// A refused removal is kept and tried again, alone first; the rest follows once it succeeds.
struct TeleforgeListAcknowledger {
    /// What one reply to a removal means.
    enum Outcome: Equatable {
        case removed
        /// Somebody else took it.
        case stolen
        /// The server refuses removals for now.
        case refused(RedisServerError)
        /// This connection is of no use any more.
        case useless(RedisServerError)
        /// Not what Redis answers to LREM.
        case unexpected
    }

    /// After a removal that found nothing, so many are sent one by one.
    static let cautiousRemovals = 256

    let removes: Bool
    private(set) var batches: [TeleforgeListBatch] = []
    /// Elements handed out whose removal was not sent.
    private(set) var unsent = 0
    /// Removals without a reply.
    private(set) var inFlight = 0

    private let command: RESPPreparedCommand
    private var storedThrough = 0
    private var runs = CircularBuffer<(batch: Int, indices: Range<Int>)>()
    private var cautious = 0
    private var isTroubled = false
    private var pausedUntil: NIODeadline?
    private var pause = TimeAmount.seconds(1)

    /// `removes` is false where taking an element already removed it.
    init(key: String, end: TeleforgeListEnd, writer: RESPCommandWriter, removes: Bool) {
        command = writer.prepare(.lrem, [key, end == .left ? "1" : "-1"])
        self.removes = removes
    }

    /// Batches with elements whose removal was not sent.
    var heldBatches: Int { batches.count { $0.unsent > 0 } }
    /// Nothing is held and no reply is outstanding.
    var isEmpty: Bool { batches.isEmpty }
    /// Every removal has to be known before the next read.
    var needsQuiet: Bool { cautious > 0 || isTroubled }
    /// Removals are refused: nothing new should be read.
    var isRefused: Bool { isTroubled || pausedUntil != nil || batches.contains { !$0.refused.isEmpty } }
    var nextDeadline: NIODeadline? { pausedUntil }

    /// Takes elements in the order of the list and returns their ids.
    mutating func add(
        _ elements: [UnsafeRawBufferPointer], firstID: Int, repeats: inout [TeleforgeElementHash: Int]
    ) -> Range<Int> {
        let batch = TeleforgeListBatch(firstID: firstID, elements: elements, command: command, repeats: &repeats)
        batches.append(batch)
        if removes { unsent += batch.count }
        return batch.ids
    }

    func forEachNewElement(in ids: Range<Int>, _ body: (Int, UnsafeRawBufferPointer) -> Void) {
        for batch in batches where batch.ids == ids { batch.forEachNewElement(body) }
    }

    func lastElementEquals(_ element: UnsafeRawBufferPointer) -> Bool {
        batches.last?.lastElementEquals(element) ?? false
    }

    mutating func markUnmapped(_ id: Int) {
        for index in batches.indices { batches[index].markUnmapped(id) }
    }

    /// Hashes of unmapped elements that may still be on the list.
    var unmapped: [TeleforgeElementHash] { batches.flatMap(\.unmapped) }

    var holdsUnmapped: Bool { batches.contains { !$0.unmapped.isEmpty } }

    /// Elements below `id` are durable.
    mutating func stored(through id: Int) {
        storedThrough = max(storedThrough, id)
        if !removes { batches.removeAll { $0.ids.upperBound <= storedThrough } }
    }

    /// Appends the removals that may be sent now; returns how many.
    mutating func write(into buffer: inout ByteBuffer, now: NIODeadline) -> Int {
        guard removes else { return 0 }
        if let pausedUntil {
            guard now >= pausedUntil else { return 0 }
            self.pausedUntil = nil
        }
        var written = 0
        for index in batches.indices where batches[index].ids.upperBound <= storedThrough {
            while limit > 0, let run = batches[index].takeRefused() { written += send(run, of: index, into: &buffer) }
            while limit > 0, let run = batches[index].takeUnsent(limit: limit) {
                unsent -= run.indices.count
                written += send(run, of: index, into: &buffer)
            }
        }
        return written
    }

    mutating func receive(_ reply: RESPReply, now: NIODeadline) -> Outcome {
        guard let (batch, index) = nextReply() else { return .unexpected }
        if reply.kind == .error { return refused(RedisServerError(reply: reply.text ?? ""), batch, index, now) }
        guard let count = reply.integer else { return .unexpected }
        markGone(batch)
        (isTroubled, pause) = (false, .seconds(1))
        guard count > 0 else {
            cautious = Self.cautiousRemovals
            return .stolen
        }
        cautious = max(0, cautious - 1)
        return .removed
    }

    /// What was held will be read again; the hashes of unmapped elements go to `repeats`.
    mutating func connectionClosed(repeats: inout [TeleforgeElementHash: Int]) {
        for hash in unmapped { repeats[hash, default: 0] += 1 }
        batches = []
        runs.removeAll()
        (unsent, inFlight, isTroubled, pausedUntil) = (0, 0, false, nil)
    }

    /// How many removals may be sent before the next reply.
    private var limit: Int { needsQuiet ? max(0, 1 - inFlight) : .max >> 1 }

    private mutating func send(
        _ run: (indices: Range<Int>, bytes: ByteBuffer), of index: Int, into buffer: inout ByteBuffer
    ) -> Int {
        buffer.writeImmutableBuffer(run.bytes)
        runs.append((batches[index].ids.lowerBound, run.indices))
        inFlight += run.indices.count
        return run.indices.count
    }

    /// The batch (by position) and element that the next reply is about.
    private mutating func nextReply() -> (batch: Int, index: Int)? {
        guard let run = runs.first, let batch = batches.firstIndex(where: { $0.ids.lowerBound == run.batch }) else {
            return nil
        }
        inFlight -= 1
        if run.indices.count > 1 {
            runs[runs.startIndex].indices = run.indices.dropFirst()
        } else {
            runs.removeFirst()
        }
        return (batch, run.indices.lowerBound)
    }

    private mutating func markGone(_ batch: Int) {
        batches[batch].markGone()
        if batches[batch].isGone { batches.remove(at: batch) }
    }

    private mutating func refused(
        _ error: RedisServerError, _ batch: Int, _ index: Int, _ now: NIODeadline
    ) -> Outcome {
        switch error.reaction {
        case .refusal, .reconnect: return .useless(error)
        case .stopKey:
            // The key was replaced by something else: the element is on no list any more.
            markGone(batch)
            return .stolen
        case .poll, .pollForNow, .retryOnConnection, .retryAcknowledgement, .warn:
            batches[batch].markRefused(index)
            isTroubled = true
            if pausedUntil == nil {
                let isForbidden = error.reaction == .poll
                pausedUntil = now + (isForbidden ? .seconds(30) : pause)
                pause = min(pause * 2, .seconds(5))
            }
            return .refused(error)
        }
    }
}
