import NIOCore
import WireProtocols

@testable import Adapters

typealias Bytes = [UInt8]

/// One list of an imagined Redis, exact in what the session uses of it, with the connection to it as two queues.
final class ListModel {
    enum Fault: Equatable {
        case none
        /// Every write is refused.
        case misconfigured
        /// BLMOVE is refused.
        case outOfMemory
    }

    /// From the head to the tail.
    var list: [Bytes] = []
    var fault = Fault.none
    /// Commands executed, for tests that look at the bytes of the session.
    private(set) var log: [String] = []
    private(set) var removed: [Bytes] = []
    private var inbox: [[Bytes]] = []
    private var outbox: [Bytes] = []
    private var blocked: [Bytes]?

    /// Takes bytes of the session apart.
    func receive(_ buffer: ByteBuffer) throws {
        let reader = try RESPReader()
        try buffer.withUnsafeReadableBytes { bytes in
            var rest = bytes
            while !rest.isEmpty {
                rest = UnsafeRawBufferPointer(rebasing: rest[try reader.feed(rest)...])
                while let command = try reader.next() {
                    inbox.append(
                        command.elements?.map { Array($0.bytes ?? UnsafeRawBufferPointer(start: nil, count: 0)) } ?? [])
                }
            }
        }
    }

    var hasCommands: Bool { blocked == nil && !inbox.isEmpty }
    var hasReplies: Bool { !outbox.isEmpty }
    var isBlocked: Bool { blocked != nil }

    /// Executes one command; false when there is none or the client is blocked.
    @discardableResult
    func step() -> Bool {
        guard hasCommands else { return false }
        let command = inbox.removeFirst()
        log.append(command.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " "))
        execute(command)
        return true
    }

    func stepAll() {
        while step() {}
    }

    /// The next reply as the wire has it.
    func takeReply() -> Bytes? { outbox.isEmpty ? nil : outbox.removeFirst() }

    func pushTail(_ element: Bytes) {
        list.append(element)
        serveBlocked()
    }

    func pushHead(_ element: Bytes) {
        list.insert(element, at: 0)
        serveBlocked()
    }

    /// The server's timeout of a blocked command.
    func timeOut() {
        guard blocked != nil else { return }
        blocked = nil
        outbox.append(Array("$-1\r\n".utf8))
    }

    /// The connection is gone: what was not executed never will be, what was not delivered is lost.
    func cut() {
        (inbox, outbox, blocked) = ([], [], nil)
    }

    /// Forgets commands that were not executed; the test answers in the server's place.
    func cutInbox() { (inbox, blocked) = ([], nil) }

    func answer(_ text: String) { outbox.append(Array(text.utf8)) }

    private func serveBlocked() {
        guard let command = blocked else { return }
        blocked = nil
        execute(command)
    }

    private func execute(_ command: [Bytes]) {
        let words = command.map { String(decoding: $0, as: UTF8.self) }
        switch words.first {
        case "LRANGE": range(Int(words[2]) ?? 0, Int(words[3]) ?? 0)
        case "LREM": fault == .misconfigured ? misconfigured() : remove(command[3], fromTail: words[2] == "-1")
        case "LLEN": answer(":\(list.count)\r\n")
        case "BLMOVE":
            if fault == .misconfigured { return misconfigured() }
            if fault == .outOfMemory { return answer("-OOM command not allowed when used memory > 'maxmemory'.\r\n") }
            guard let element = words[3] == "LEFT" ? list.first : list.last else { return blocked = command }
            bulk(element)
        case "BLPOP", "BRPOP":
            guard !list.isEmpty else { return blocked = command }
            let element = words[0] == "BLPOP" ? list.removeFirst() : list.removeLast()
            removed.append(element)
            answer("*2\r\n$\(command[1].count)\r\n\(words[1])\r\n")
            outbox[outbox.count - 1] += Self.encoded(element)
        default: answer("-ERR unknown command '\(words.first ?? "")', with args beginning with: 'x'\r\n")
        }
    }

    private func misconfigured() {
        answer("-MISCONF Redis is configured to save RDB snapshots, but it is currently unable to persist on disk.\r\n")
    }

    private func range(_ start: Int, _ stop: Int) {
        let low = max(0, start < 0 ? list.count + start : start)
        let high = min(list.count - 1, stop < 0 ? list.count + stop : stop)
        let elements = low <= high ? Array(list[low...high]) : []
        outbox.append(Array("*\(elements.count)\r\n".utf8) + elements.flatMap(Self.encoded))
    }

    private func remove(_ element: Bytes, fromTail: Bool) {
        let found = fromTail ? list.lastIndex(of: element) : list.firstIndex(of: element)
        if let found {
            list.remove(at: found)
            removed.append(element)
        }
        answer(":\(found == nil ? 0 : 1)\r\n")
    }

    private func bulk(_ element: Bytes) { outbox.append(Self.encoded(element)) }

    static func encoded(_ element: Bytes) -> Bytes {
        Array("$\(element.count)\r\n".utf8) + element + [13, 10]
    }
}

/// A session with its driver and a store that syncs when told to.
final class SessionBench {
    var session: TeleforgeListSession
    let model = ListModel()
    var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    var events: [TeleforgeListSession.Event] = []
    /// Elements of commits that are not durable yet, oldest first, with the note of their transaction.
    private(set) var commits: [(through: Int?, elements: [Bytes], note: Bytes?)] = []
    private(set) var stored: [Bytes] = []
    private(set) var isTrusted = false
    private(set) var note: Bytes = []
    private let settings: TeleforgeListSession.Settings
    private var isNoteDue = false
    private var reader: RESPReader
    private var isConnected = false

    init(_ settings: TeleforgeListSession.Settings, isTrusted: Bool = false) throws {
        (self.settings, self.isTrusted) = (settings, isTrusted)
        reader = try RESPReader()
        session = Self.session(settings, isTrusted, [])
    }

    static func settings(
        end: TeleforgeListEnd = .left, popsAtOnce: Bool = false, batch: Int = 100
    ) -> TeleforgeListSession.Settings {
        var settings = TeleforgeListSession.Settings(key: "k")
        (settings.end, settings.popsAtOnce) = (end, popsAtOnce)
        (settings.firstBatchCount, settings.maximumBatchCount) = (batch, max(batch, 8))
        return settings
    }

    private static func session(
        _ settings: TeleforgeListSession.Settings, _ isTrusted: Bool, _ note: Bytes
    ) -> TeleforgeListSession {
        TeleforgeListSession(settings: settings, writer: RESPCommandWriter(), isTrusted: isTrusted, note: note) {
            TeleforgeMapper.inspect($0)
        }
    }

    static func isUnmapped(_ element: Bytes) -> Bool { element.first != UInt8(ascii: "{") }

    func connect() throws {
        reader = try RESPReader()
        isConnected = true
        session.connected(now: now)
        try pump()
    }

    func cut() {
        guard isConnected else { return }
        isConnected = false
        model.cut()
        drainEvents()
        session.connectionClosed()
        drainEvents()
    }

    /// The process ends and begins again: what was not durable is forgotten.
    func restart() {
        model.cut()
        isConnected = false
        (commits, isNoteDue) = ([], false)
        session = Self.session(settings, isTrusted, note)
    }

    func pump() throws {
        if let commands = session.takeCommands(now: now) { try model.receive(commands) }
        drainEvents()
        if let commands = session.takeCommands(now: now) { try model.receive(commands) }
    }

    /// Hands one reply over; false when there is none.
    @discardableResult
    func deliver() throws -> Bool {
        guard let bytes = model.takeReply() else { return false }
        try bytes.withUnsafeBytes { bytes in
            var rest = bytes
            while !rest.isEmpty {
                rest = UnsafeRawBufferPointer(rebasing: rest[try reader.feed(rest)...])
                while let reply = try reader.next() { session.receive(reply, now: now) }
            }
        }
        return true
    }

    /// The oldest commit becomes durable; false when there is none.
    @discardableResult
    func store() -> Bool {
        guard !commits.isEmpty else { return false }
        let commit = commits.removeFirst()
        stored += commit.elements
        if let note = commit.note { self.note = note }
        if let through = commit.through { session.stored(through: through) }
        return true
    }

    /// Runs until nothing moves any more.
    func settle() throws {
        var moved = true
        while moved {
            try pump()
            moved = model.step()
            while try deliver() { moved = true }
            try pump()
            if store() { moved = true }
        }
    }

    func advance(_ time: TimeAmount) throws {
        now = now + time
        session.deadlineReached(now: now)
        try pump()
    }

    private func drainEvents() {
        while let event = session.nextEvent() {
            events.append(event)
            switch event {
            case .elements(let ids): ingest(ids)
            case .trusted: isTrusted = true
            case .noteChanged: isNoteDue = true
            case .ready, .unready, .polling, .anotherConsumer, .newerEndFirst, .backlog, .close, .finished: break
            }
        }
        if isNoteDue {
            isNoteDue = false
            commits.append((nil, [], session.note))
        }
    }

    private func ingest(_ ids: Range<Int>) {
        var elements: [Bytes] = []
        var unmapped: [Int] = []
        session.forEachNewElement(in: ids) { id, element in
            elements.append(Array(element))
            if Self.isUnmapped(Array(element)) { unmapped.append(id) }
        }
        for id in unmapped { session.markUnmapped(id) }
        let hasNote = isNoteDue || !unmapped.isEmpty
        isNoteDue = false
        commits.append((ids.upperBound, elements, hasNote ? session.note : nil))
    }
}
