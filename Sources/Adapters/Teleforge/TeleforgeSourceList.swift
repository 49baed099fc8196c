import BridgeCore
import CallModel
import Logging
import NIOCore
import Transport
import WireProtocols

/// Drives the session of one list: its connection, its timer, its elements to the source's mapper and the store.
final class TeleforgeSourceList {
    private let settings: TeleforgeListSession.Settings
    private let context: any SourceContext
    private unowned let source: TeleforgeSource
    private let link: TeleforgeSourceLink
    private var stopped: EventLoopPromise<Void>?
    private var session: TeleforgeListSession
    private var timer: LoopTimer?
    private var facts: [CallFact] = []
    private var isNoteDue = false
    private var counted = (removed: 0, stolen: 0)

    init(
        settings: TeleforgeListSession.Settings, redis: RedisConnectionConfiguration, source: TeleforgeSource,
        context: any SourceContext, inspect: @escaping (UnsafeRawBufferPointer) -> TeleforgeMapper.Inspection
    ) {
        (self.settings, self.context, self.source) = (settings, context, source)
        link = TeleforgeSourceLink(name: settings.key, configuration: redis, context: context)
        session = TeleforgeListSession(
            settings: settings, writer: redis.writer, isTrusted: context.note(Self.trustNote(settings.key)) != nil,
            note: context.note(Self.unmappedNote(settings.key)) ?? [], inspect: inspect)
    }

    var attempts: Int { link.attempts }

    func becameUseful() { link.becameUseful() }

    func start() {
        timer = LoopTimer(eventLoop: context.eventLoop) { [weak self] in
            guard let self else { return }
            session.deadlineReached(now: context.eventLoop.now)
            pump()
        }
        link.user = self
        link.start()
    }

    func stop() -> EventLoopFuture<Void> {
        let promise = stopped ?? context.eventLoop.makePromise()
        stopped = promise
        session.stop(now: context.eventLoop.now)
        pump()
        return promise.futureResult
    }

    private static func trustNote(_ key: String) -> String { "teleforge.trusted.\(key)" }
    private static func unmappedNote(_ key: String) -> String { "teleforge.unmapped.\(key)" }

    // MARK: - Session

    /// Commands leave before the elements that came along are mapped, so that Redis works meanwhile.
    private func pump() {
        sendCommands()
        while let event = session.nextEvent() { handle(event) }
        if isNoteDue { commitNote() }
        sendCommands()
        count()
        timer?.set(session.nextDeadline)
    }

    private func sendCommands() {
        if let commands = session.takeCommands(now: context.eventLoop.now) { link.send(commands) }
    }

    private func handle(_ event: TeleforgeListSession.Event) {
        switch event {
        case .elements(let ids): ingest(ids)
        case .trusted: context.setNote(Self.trustNote(settings.key), [1])
        case .noteChanged: isNoteDue = true
        case .ready: source.partIsReady(settings.key)
        case .unready(let problem):
            log(problem.isTransient ? .warning : .error, "the list is not read", ["reason": "\(problem.sentence)"])
            source.partIsDown(settings.key, reason: problem.sentence)
        case .polling(let error): log(.warning, "polling, the blocking peek is refused", ["reason": "\(error)"])
        case .anotherConsumer(let count):
            log(.warning, "another consumer on this key takes elements", ["stolen": "\(count)"])
        case .newerEndFirst:
            log(.warning, "the configured end holds the newer records: is pop right?", ["pop": "\(settings.end)"])
        case .backlog(let count): reportBacklog(count)
        case .close(let reason): link.fail(ConnectionError(.established, reason.connectionReason))
        case .finished:
            timer?.set(nil)
            link.stop()
            stopped?.succeed()
        }
    }

    private func ingest(_ ids: Range<Int>) {
        facts.removeAll(keepingCapacity: true)
        var unmapped: [Int] = []
        session.forEachNewElement(in: ids) { id, element in
            if !source.map(element, from: settings.key, into: &facts) { unmapped.append(id) }
        }
        for id in unmapped { session.markUnmapped(id) }
        if isNoteDue || !unmapped.isEmpty {
            isNoteDue = false
            context.setNote(Self.unmappedNote(settings.key), session.note)
        }
        context.ingest(facts, receivedAt: context.now())
        context.commit { [weak self] in
            guard let self else { return }
            session.stored(through: ids.upperBound)
            pump()
        }
    }

    private func commitNote() {
        isNoteDue = false
        context.setNote(Self.unmappedNote(settings.key), session.note)
        context.commit {
            // Nothing waits for it: an element that is not on the list any more cannot come again.
        }
    }

    private func count() {
        if settings.popsAtOnce {
            let stored = session.storedThrough
            context.metrics.acknowledged.add(stored - counted.removed)
            counted.removed = stored
            return
        }
        context.metrics.acknowledged.add(session.removedCount - counted.removed)
        context.metrics.stolen.add(session.stolenCount - counted.stolen)
        counted = (session.removedCount, session.stolenCount)
    }

    private func reportBacklog(_ count: Int) {
        source.backlog(of: settings.key, is: count)
        if count >= 10_000 { log(.info, "draining a backlog", ["elements": "\(count)"]) }
    }

    private func log(_ level: Logger.Level, _ message: Logger.Message, _ metadata: Logger.Metadata) {
        context.logger.log(
            level: level, message, metadata: metadata.merging(["key": "\(settings.key)"]) { old, _ in old })
    }
}

extension TeleforgeSourceList: TeleforgeSourceLinkUser {
    func linkConnected() {
        session.connected(now: context.eventLoop.now)
        pump()
    }

    func linkReceived(_ reply: RESPReply) { session.receive(reply, now: context.eventLoop.now) }

    func linkReadComplete() { pump() }

    func linkLost(_ error: ConnectionError) {
        // What was read before the connection went is still taken in.
        while let event = session.nextEvent() {
            if case .close = event { continue }
            handle(event)
        }
        session.connectionClosed(replyWasTooLong: error.isTooLong)
        source.partIsDown(settings.key, reason: "\(error)")
        pump()
    }
}

extension TeleforgeListSession.Problem {
    /// It goes away without an operator.
    var isTransient: Bool {
        guard case .server(let error) = self else { return false }
        return error.reaction == .retryOnConnection
    }

    /// What is wrong and what to do.
    var sentence: String {
        switch self {
        case .server(let error): error.advice
        case .foreignElements:
            "its elements are no Teleforge messages, nothing was taken: check the database number and the prefix"
        case .garbage:
            "nothing on it is JSON and nothing of Teleforge came from it yet, nothing was taken: check the database number"
        case .elementTooLong: "its first element is longer than a reply may be: remove it by hand"
        }
    }
}

extension TeleforgeListSession.CloseReason {
    var connectionReason: ConnectionError.Reason {
        switch self {
        case .mute(let time): .timedOut(Duration(time))
        case .server(let error): .server(error)
        case .unexpectedReply: .peer(.malformed("a reply that does not belong to its command"))
        }
    }
}

extension ConnectionError {
    fileprivate var isTooLong: Bool {
        guard case .peer(let error) = reason else { return false }
        switch error {
        case .tooLong, .tooMany: return true
        case .malformed, .tooDeep, .unsupportedType, .outOfMemory: return false
        }
    }
}
