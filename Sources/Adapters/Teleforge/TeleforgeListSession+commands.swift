import NIOCore
import WireProtocols

// What may be sent now: removals first, because the positions of the read behind them count on it.
extension TeleforgeListSession {
    /// The commands that are due, in one run of bytes; nil when there are none.
    mutating func takeCommands(now: NIODeadline) -> ByteBuffer? {
        guard isConnected, !isClosing, !isFinished else { return nil }
        var buffer = ByteBuffer()
        let wasIdle = pending.isEmpty
        let removals = acknowledger.write(into: &buffer, now: now)
        if removals > 0 { pending.append(.removals(removals)) }
        if isStopping {
            finishIfSettled()
        } else if mayRead(now) {
            writeRead(into: &buffer, now: now)
        }
        if wasIdle, !pending.isEmpty { lastProgress = now }
        return buffer.readableBytes > 0 ? buffer : nil
    }

    private mutating func finishIfSettled() {
        // A peek can be abandoned. A pop cannot: what it brings is off the list.
        let awaitsPop = pending.contains { if case .pop = $0 { true } else { false } }
        guard !awaitsPop, storedThrough >= nextID else { return }
        // Where the server refuses removals, what is stored will be read and recognised after the restart.
        if acknowledger.isEmpty || acknowledger.isRefused { finish() }
    }

    private mutating func mayRead(_ now: NIODeadline) -> Bool {
        if let pausedUntil {
            guard now >= pausedUntil else { return false }
            self.pausedUntil = nil
        }
        return !isReading && !acknowledger.isRefused && storedThrough >= settledFrom
    }

    private mutating func writeRead(into buffer: inout ByteBuffer, now: NIODeadline) {
        if settings.popsAtOnce, isTrusted {
            writePop(into: &buffer)
            return
        }
        if needsResync || acknowledger.needsQuiet {
            guard acknowledger.unsent == 0, acknowledger.inFlight == 0 else { return }
            needsResync = false
        }
        switch nextRead {
        case .wait where canWait:
            if acknowledger.unsent == 0 { writeWait(into: &buffer, now: now) }
        case .wait, .list:
            let mayPrefetch = calmReads == 0 && acknowledger.heldBatches < settings.heldBatches
            if acknowledger.unsent == 0 || mayPrefetch { writeList(into: &buffer, now: now) }
        }
    }

    private mutating func writeWait(into buffer: inout ByteBuffer, now: NIODeadline) {
        let end = settings.end == .left ? "LEFT" : "RIGHT"
        let arguments = [settings.key, settings.key, end, end, String(settings.waitSeconds)]
        writer.write(.blmove, arguments, into: &buffer)
        pending.append(.wait(since: now))
        isReading = true
    }

    private mutating func writePop(into buffer: inout ByteBuffer) {
        guard nextID - storedThrough < settings.poppedElements else { return }
        let command: RESPCommand = settings.end == .left ? .blpop : .brpop
        writer.write(command, [settings.key, String(settings.waitSeconds)], into: &buffer)
        pending.append(.pop)
        isReading = true
    }

    private mutating func writeList(into buffer: inout ByteBuffer, now: NIODeadline) {
        writeLength(into: &buffer, now: now)
        writeProbe(into: &buffer)
        let offset = acknowledger.unsent
        let overlap = offset > 0 ? 1 : 0
        let count = acknowledger.needsQuiet ? min(batchCount, 16) : batchCount
        let (near, far) = (offset - overlap, offset + count - 1)
        let range = settings.end == .left ? [near, far] : [-far - 1, -near - 1]
        writer.write(.lrange, [settings.key] + range.map(String.init), into: &buffer)
        pending.append(.list(offset: offset, overlaps: overlap > 0, count: count))
        calmReads = max(0, calmReads - 1)
        isReading = true
    }

    /// The length is a gauge for a backlog: asked along with a read that goes out anyway, and never while idle.
    private mutating func writeLength(into buffer: inout ByteBuffer, now: NIODeadline) {
        guard canAskLength, acknowledger.unsent > 0, now >= lengthDue else { return }
        lengthDue = now + .seconds(10)
        writer.write(.llen, [settings.key], into: &buffer)
        pending.append(.length)
    }

    /// The element at the other end, once, to see whether the configured end is the old one.
    private mutating func writeProbe(into buffer: inout ByteBuffer) {
        guard case .wanted(let near) = probe else { return }
        probe = .asked(near: near)
        let index = settings.end == .left ? "-1" : "0"
        writer.write(.lrange, [settings.key, index, index], into: &buffer)
        pending.append(.otherEnd)
    }
}
