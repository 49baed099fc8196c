import BridgeCore
import CallModel
import Logging
import NIOCore
import Transport
import WireProtocols

/// Drives the session of what is published: agents, campaigns, diallers.
///
/// Messages cannot wait at Redis. While the store cannot keep up, the socket is left unread: Redis holds up to 8 MB for a
/// minute, then cuts the connection, and the gap is told when it is back.
final class TeleforgeSourceSubscription {
    private static let part = "pubsub"

    private let context: any SourceContext
    private unowned let source: TeleforgeSource
    private let link: TeleforgeSourceLink
    private var session: TeleforgePubSubSession
    private var timer: LoopTimer?
    private var facts: [CallFact] = []
    private var arrived = 0
    private var unstored = UnstoredMessages(limit: 2048)
    private var isStopped = false

    init(
        session: TeleforgePubSubSession, redis: RedisConnectionConfiguration, source: TeleforgeSource,
        context: any SourceContext
    ) {
        (self.session, self.context, self.source) = (session, context, source)
        link = TeleforgeSourceLink(name: Self.part, configuration: redis, context: context)
    }

    var attempts: Int { link.attempts }

    func becameUseful() { link.becameUseful() }

    func start() {
        timer = LoopTimer(eventLoop: context.eventLoop) { [weak self] in self?.deadlineReached() }
        link.user = self
        link.start()
    }

    func stop() {
        isStopped = true
        ingest()
        timer?.set(nil)
        link.stop()
    }

    private func deadlineReached() {
        if session.isMute(now: context.eventLoop.now) {
            link.fail(ConnectionError(.established, .timedOut(Duration(TeleforgePubSubSession.replyTimeout))))
        } else {
            pump()
        }
    }

    private func pump() {
        guard !isStopped else { return }
        if let commands = session.takeCommands(now: context.eventLoop.now) { link.send(commands) }
        timer?.set(session.nextDeadline)
    }

    private func ingest() {
        guard arrived > 0 else { return }
        let count = arrived
        arrived = 0
        context.ingest(&facts, receivedAt: context.now())
        context.commit { [weak self] in
            guard let self, unstored.stored(count) else { return }
            setSuspended(false)
        }
        if unstored.handedIn(count) { setSuspended(true) }
    }

    private func setSuspended(_ isSuspended: Bool) {
        session.setSuspended(isSuspended, now: context.eventLoop.now)
        link.setReading(!isSuspended)
        pump()
    }
}

extension TeleforgeSourceSubscription: TeleforgeSourceLinkUser {
    func linkConnected() {
        unstored.linkLost()
        session.connected(now: context.eventLoop.now)
        pump()
    }

    func linkReceived(_ reply: RESPReply) {
        switch session.receive(reply, now: context.eventLoop.now) {
        case .nothing: break
        case .subscribed: source.partIsReady(Self.part)
        case .message(let channel, let payload):
            arrived += 1
            // Published messages are not read again, so nothing has to be remembered of one that was not understood.
            _ = source.map(payload, from: channel, into: &facts)
        case .failed(let reason): link.fail(ConnectionError(.established, reason.connectionReason))
        }
    }

    func linkReadComplete() {
        ingest()
        pump()
    }

    func linkLost(_ error: ConnectionError) {
        ingest()
        session.connectionClosed()
        timer?.set(nil)
        source.partIsDown(Self.part, reason: "\(error)")
    }
}
