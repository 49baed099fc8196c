import Codecs
import NIOCore
import WireProtocols

// What each reply means. Replies come in the order of the commands.
extension TeleforgeListSession {
    /// A batch of one whose wait was shorter than this was on the list already.
    private static let quickWait = TimeAmount.milliseconds(2)

    mutating func receive(_ reply: RESPReply, now: NIODeadline) {
        guard isConnected, !isClosing else { return }
        guard let command = pending.first else {
            close(.unexpectedReply)
            return
        }
        lastProgress = now
        if case .removals(let count) = command {
            if count > 1 {
                pending[pending.startIndex] = .removals(count - 1)
            } else {
                pending.removeFirst()
            }
            receiveRemoval(reply, now: now)
            return
        }
        pending.removeFirst()
        switch command {
        case .removals: break
        case .length: receiveLength(reply)
        case .otherEnd: receiveOtherEnd(reply)
        case .list(let offset, let overlaps, let count):
            guard endRead() else { return }
            if let elements = elements(reply, now: now) {
                receiveList(elements, offset: offset, overlaps: overlaps, count: count, now: now)
            }
        case .wait(let since):
            guard endRead() else { return }
            receiveWait(reply, since: since, now: now)
        case .pop:
            guard endRead() else { return }
            receivePop(reply, now: now)
        }
    }

    /// False when the reply is worthless.
    private mutating func endRead() -> Bool {
        isReading = false
        defer { isReadWorthless = false }
        return !isReadWorthless && (settings.popsAtOnce || !isStopping)
    }

    // MARK: - Reads

    /// The elements of an LRANGE in the order of reading, or nil after an error.
    private mutating func elements(_ reply: RESPReply, now: NIODeadline) -> [UnsafeRawBufferPointer]? {
        guard let array = reply.elements else {
            readFailed(reply, now: now)
            return nil
        }
        var elements: [UnsafeRawBufferPointer] = []
        elements.reserveCapacity(array.count)
        for position in 0..<array.count {
            guard let bytes = array.flat(settings.end == .left ? position : array.count - 1 - position)?.bytes else {
                close(.unexpectedReply)
                return nil
            }
            elements.append(bytes)
        }
        return elements
    }

    private mutating func receiveList(
        _ read: [UnsafeRawBufferPointer], offset: Int, overlaps: Bool, count: Int, now: NIODeadline
    ) {
        becomeReadyUnlessUntrusted()
        var elements = read
        if overlaps {
            guard let first = read.first, acknowledger.lastElementEquals(first) else {
                // Somebody took or put elements at our end.
                (needsResync, calmReads, nextRead) = (true, 8, .list)
                return
            }
            elements.removeFirst()
        }
        guard !elements.isEmpty else {
            listIsRead(isEmpty: offset == 0, now: now)
            return
        }
        guard isTrusted || decideTrust(elements, now: now) else { return }
        probeEnds(elements, isWhole: offset == 0 && elements.count < count)
        adaptBatch(elements)
        // A first look takes nothing where elements are popped.
        guard !settings.popsAtOnce else { return }
        handOut(elements)
        if elements.count < count {
            listIsRead(isEmpty: false, now: now)
        } else {
            (nextRead, pollInterval) = (.list, .milliseconds(100))
        }
    }

    /// The end of the list was reached: wait for what comes.
    private mutating func listIsRead(isEmpty: Bool, now: NIODeadline) {
        if isEmpty { listIsEmpty() }
        if !canWait, let waitAgainAt, now >= waitAgainAt { (canWait, self.waitAgainAt) = (true, nil) }
        nextRead = .wait
        guard !canWait else { return }
        pause(for: pollInterval, now: now)
        pollInterval = isEmpty ? min(pollInterval * 2, .seconds(1)) : .milliseconds(100)
    }

    /// Nothing that was stored before can come again.
    private mutating func listIsEmpty() {
        becomeReady()
        if !repeats.isEmpty {
            repeats = [:]
            events.append(.noteChanged)
        }
        if probe == .due { probe = .done }
        guard lastBacklog != 0 else { return }
        lastBacklog = 0
        events.append(.backlog(0))
    }

    private mutating func receiveWait(_ reply: RESPReply, since: NIODeadline, now: NIODeadline) {
        if reply.kind == .null {
            listIsEmpty()
            nextRead = .wait
            return
        }
        guard reply.kind == .string, let element = reply.bytes else {
            readFailed(reply, isWait: true, now: now)
            return
        }
        guard isTrusted else {
            // It is still there: the look at the list decides.
            nextRead = .list
            return
        }
        becomeReady()
        handOut([element])
        quickWaits = now - since < Self.quickWait ? quickWaits + 1 : 0
        nextRead = quickWaits >= 3 ? .list : .wait
        if nextRead == .list { quickWaits = 0 }
    }

    private mutating func receivePop(_ reply: RESPReply, now: NIODeadline) {
        if reply.kind == .null {
            listIsEmpty()
            return
        }
        guard let array = reply.elements, let element = array.flat(1)?.bytes else {
            readFailed(reply, now: now)
            return
        }
        becomeReady()
        handOut([element])
    }

    private mutating func handOut(_ elements: [UnsafeRawBufferPointer]) {
        let ids = acknowledger.add(elements, firstID: nextID, repeats: &repeats)
        nextID = ids.upperBound
        events.append(.elements(ids))
    }

    private mutating func adaptBatch(_ elements: [UnsafeRawBufferPointer]) {
        let bytes = elements.reduce(0) { $0 + $1.count }
        batchCount = min(max(settings.batchBytes / max(1, bytes / elements.count), 1), settings.maximumBatchCount)
    }

    /// `isWait`: the command was BLMOVE, without which polling is possible.
    private mutating func readFailed(_ reply: RESPReply, isWait: Bool = false, now: NIODeadline) {
        guard reply.kind == .error else {
            close(.unexpectedReply)
            return
        }
        let error = RedisServerError(reply: reply.text ?? "")
        switch error.reaction {
        case .refusal, .reconnect: close(.server(error))
        case .stopKey:
            pause(for: .seconds(30), now: now)
            becomeUnready(.server(error))
        case .poll, .pollForNow, .retryAcknowledgement:
            if isWait {
                waitAgainAt = error.reaction == .poll ? nil : now + .seconds(30)
                (canWait, nextRead) = (false, .list)
                events.append(.polling(error))
            } else {
                pause(for: .seconds(30), now: now)
                becomeUnready(.server(error))
            }
        case .retryOnConnection, .warn:
            pause(for: retryInterval, now: now)
            becomeUnready(.server(error))
            retryInterval = min(retryInterval * 2, .seconds(5))
        }
    }

    // MARK: - First contact

    private mutating func becomeReadyUnlessUntrusted() {
        if isTrusted { becomeReady() }
    }

    /// Whether these are Teleforge's: the first element that is JSON says so.
    private mutating func decideTrust(_ elements: [UnsafeRawBufferPointer], now: NIODeadline) -> Bool {
        var refusal = Problem.garbage
        for element in elements {
            switch inspect(element) {
            case .notJSON: continue
            case .foreign: refusal = .foreignElements
            case .teleforge:
                isTrusted = true
                events.append(.trusted)
                becomeReady()
                return true
            }
            break
        }
        pause(for: .seconds(30), now: now)
        becomeUnready(refusal)
        return false
    }

    /// Compares the times at both ends, once, where the elements have them.
    private mutating func probeEnds(_ elements: [UnsafeRawBufferPointer], isWhole: Bool) {
        guard probe == .due, let first = elements.first, let last = elements.last else { return }
        probe = .done
        guard case .teleforge(let near?) = inspect(first), elements.count > 1 else { return }
        if isWhole {
            judgeEnds(near: near, far: last)
        } else {
            probe = .wanted(near: near)
        }
    }

    private mutating func receiveOtherEnd(_ reply: RESPReply) {
        guard case .asked(let near) = probe else { return }
        probe = .done
        if let far = reply.elements?.flat(0)?.bytes { judgeEnds(near: near, far: far) }
    }

    /// Records are pushed when calls end, so that neighbours may differ by a call's length either way.
    private mutating func judgeEnds(near: Timestamp, far: UnsafeRawBufferPointer) {
        guard case .teleforge(let far?) = inspect(far) else { return }
        if near.milliseconds(since: far) > 60_000 { events.append(.newerEndFirst) }
    }

    // MARK: - Removals and the gauge

    private mutating func receiveRemoval(_ reply: RESPReply, now: NIODeadline) {
        let hadUnmapped = acknowledger.holdsUnmapped
        switch acknowledger.receive(reply, now: now) {
        case .removed: countRemoved()
        case .stolen: countStolen(now: now)
        case .refused(let error):
            (needsResync, isReadWorthless, nextRead) = (true, isReading, .list)
            becomeUnready(.server(error))
        case .useless(let error): close(.server(error))
        case .unexpected: close(.unexpectedReply)
        }
        if hadUnmapped, !acknowledger.holdsUnmapped { events.append(.noteChanged) }
    }

    private mutating func receiveLength(_ reply: RESPReply) {
        guard let length = reply.integer else {
            // Not allowed to us: the gauge is not worth a second try on this connection.
            canAskLength = false
            return
        }
        lastBacklog = Int(clamping: length)
        events.append(.backlog(lastBacklog))
    }
}
