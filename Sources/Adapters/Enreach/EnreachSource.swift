import BridgeCore
import CallModel
import Codecs
import Logging
import NIOCore
import Transport
import WireProtocols

/// The events of one Enreach login over an RTE hub connection that comes back by itself. Confined to the tenant's event loop.
///
/// Nothing waits at the hub and nothing is acknowledged. While the store cannot keep up the socket is left unread; when the hub
/// cuts it for that, the gap is told. A gap is repaired over REST where there is a login.
package final class EnreachSource: Source {
    /// Facts held back while subscriptions are restored.
    private static let heldLimit = 20_000
    static let heardNote = "heard"

    package let name: String

    let configuration: EnreachConfiguration
    let context: any SourceContext
    let api: EnreachAPI?
    var session: EnreachSession
    var repair: EnreachRepair
    /// What the repair under way belongs to; raised with each connection.
    var connectionNumber = 0
    /// When the link was last known to be good before the connection at hand; nil: that is not known.
    var lastGood: Timestamp?

    private let connectionSettings: EnreachConnection.Settings
    private let tokens: EnreachTokenSource
    private var mapper: EnreachMapper
    private var link: SourceLink<EnreachConnection>?
    private var timer: LoopTimer?
    /// What came before everything was subscribed, in its order.
    private var held: [(facts: [CallFact], at: Timestamp)] = []
    private var heldFacts = 0
    private var unstored = UnstoredMessages()
    private var arrived = 0
    private var burstBegan: Timestamp?
    private(set) var isStopped = false
    /// When the hub was last heard of, and when that was last written down.
    private var lastHeard: Timestamp
    private var heardNoted: Timestamp?
    /// The refusal that was told last: a row of equal ones is told once.
    private var toldRefusal: ConnectionError?
    private var toldLasting: Set<String> = []

    init(
        name: String, configuration: EnreachConfiguration, raw: RawPolicy, proxy: ProxySettings?,
        context: any SourceContext
    ) {
        (self.name, self.configuration, self.context) = (name, configuration, context)
        let http = HTTPClientConfiguration(
            tls: TLSClientConfiguration(configuration.tls), proxy: proxy.map { ProxyConfiguration($0) })
        let connection = configuration.connection
        connectionSettings = EnreachConnection.Settings(configuration, http: http)
        switch configuration.access {
        case .login(let login):
            let api = EnreachAPI(login, http: http, eventLoop: context.eventLoop)
            self.api = api
            tokens = EnreachTokenSource(.login, api: api, eventLoop: context.eventLoop)
        case .fixed(_, let source):
            api = nil
            let origin: EnreachTokenSource.Origin =
                switch source {
                case .secret(let reference): .secret(reference)
                case .command(let arguments): .command(arguments)
                }
            tokens = EnreachTokenSource(origin, api: nil, eventLoop: context.eventLoop)
        }
        var limits = EnreachSubscriptionPlan.Limits()
        limits.batchPairs = connection.subscribeBatch
        limits.retryRefused = TimeAmount(connection.refusedRetry)
        session = EnreachSession(
            plan: EnreachSubscriptionPlan(
                configuration.subscriptions, knownEvents: EnreachEvent.allCases.map(\.rawValue), limits: limits),
            enumerationInterval: TimeAmount(connection.enumerationInterval))
        repair = EnreachRepair(context.recentCalls)
        mapper = EnreachMapper(raw: raw, timeZone: configuration.timeZone, recentCalls: context.recentCalls)
        lastHeard = context.now()
        lastGood = context.note(Self.heardNote).flatMap {
            Int64(String(decoding: $0, as: UTF8.self)).map { Timestamp(microseconds: $0) }
        }
    }

    /// The policy of the connect loop. The hub is a shared host: after its restart everybody comes back, over seconds at first
    /// and over a minute in the end. Refusals do not go away by themselves.
    static func reconnection(maximum: Duration = .seconds(60)) -> Reconnection {
        Reconnection(
            backoff: Backoff(
                initial: min(.seconds(3), maximum), maximum: maximum, refusal: .seconds(60),
                maximumRefusal: .seconds(600)), healthyAfter: .seconds(30))
    }

    package func start() {
        timer = LoopTimer(eventLoop: context.eventLoop) { [weak self] in self?.deadlineReached() }
        if configuration.tokenPlace == .query {
            context.logger.warning(
                "the token stands in a query (token_in: query), and proxies write those into their logs")
        }
        let endpoint = EndpointConfiguration(host: "", port: 0, tls: connectionSettings.http.tls)
        let link = SourceLink<EnreachConnection>(
            .init(link: "events", peer: "enreach", endpoint: configuration.place), endpoint: endpoint, context: context,
            reconnection: Self.reconnection(maximum: configuration.connection.maximumBackoff),
            open: { [unowned self] in open() }, close: { $0.close() },
            lost: { [weak self] error in self?.linkLost(error) })
        self.link = link
        publishCounts()
        link.start()
    }

    package func stop() -> EventLoopFuture<Void> {
        isStopped = true
        if session.isUp { noteHeard() }
        flush()
        release()
        timer?.set(nil)
        let closed = link?.connection?.close()
        link?.stop()
        api?.close()
        return closed ?? context.eventLoop.makeSucceededVoidFuture()
    }

    private func open() -> EnreachConnection {
        let connection = EnreachConnection(
            connectionSettings, tokens: tokens, eventLoop: context.eventLoop,
            clock: { [context] in context.now() }, delegate: self,
            prepare: { [unowned self] in enumerateMissing() })
        connection.start()
        return connection
    }

    // MARK: - To the pipeline

    private func take(_ input: EnreachInput) {
        let now = burstBegan ?? context.now()
        burstBegan = now
        let unmapped = mapper.unmappedCount
        mapper.take(input, at: now)
        context.metrics.unmapped.add(mapper.unmappedCount - unmapped)
    }

    /// Hands on what the mapper made, or holds it back until everything is subscribed: `source.connected` comes first.
    private func flush() {
        let (count, now) = (arrived, burstBegan ?? context.now())
        (arrived, burstBegan) = (0, nil)
        guard !mapper.facts.isEmpty else { return }
        repair.watch(mapper.facts)
        guard session.isUp || !session.isConnected else {
            heldFacts += mapper.facts.count
            held.append((mapper.facts, now))
            mapper.facts.removeAll(keepingCapacity: true)
            if heldFacts >= Self.heldLimit {
                context.logger.warning(
                    "events cannot be held back any longer; the link is told to be up while subscriptions are restored",
                    metadata: ["held": "\(heldFacts)"])
                session.cannotWait()
                perform()
            }
            return
        }
        if session.isUp, heardNoted.map({ now.milliseconds(since: $0) >= 60_000 }) ?? true { noteHeard() }
        context.ingest(&mapper.facts, receivedAt: now)
        commit(count)
    }

    /// What was held back, in its order and with the times of its receipt.
    private func release() {
        let batches = held
        (held, heldFacts) = ([], 0)
        for batch in batches { context.ingest(batch.facts, receivedAt: batch.at) }
        if !batches.isEmpty { commit(batches.count) }
    }

    /// Facts that came otherwise than over the hub.
    func tell(_ facts: [CallFact]) {
        guard !facts.isEmpty, !isStopped else { return }
        context.ingest(facts, receivedAt: context.now())
        commit(facts.count)
    }

    private func commit(_ count: Int) {
        context.commit { [weak self] in
            guard let self, unstored.stored(count) else { return }
            link?.connection?.setReading(true)
        }
        if unstored.handedIn(count) { link?.connection?.setReading(false) }
    }

    /// For the next start: until when nothing was missed.
    private func noteHeard() {
        heardNoted = lastHeard
        context.setNote(Self.heardNote, Array(String(lastHeard.microseconds).utf8))
    }

    // MARK: - The session

    /// Does what the session wants done.
    func perform() {
        while let action = session.nextAction() {
            switch action {
            case .invoke(let call): link?.connection?.invoke(call)
            case .up: becomeUp()
            case .enumerate(let kinds): enumerate(kinds)
            case .refused(let refusals): tellRefused(refusals)
            case .unknownEvents(let names):
                context.logger.info(
                    "the hub offers events that are not known here; they become source.unmapped",
                    metadata: ["events": "\(names.prefix(50).joined(separator: ", "))"])
            case .eventsNotOffered(let names):
                context.logger.warning(
                    "the hub does not offer these events of 'subscriptions'; they are left out",
                    metadata: ["events": "\(names.prefix(50).joined(separator: ", "))"])
            case .fail(let reason):
                link?.fail(
                    ConnectionError(.subscribe, reason.isRefusal ? .declined("\(reason)") : .misbehaved("\(reason)")))
            }
        }
        publishCounts()
        timer?.set(session.nextDeadline)
    }

    private func becomeUp() {
        let attempts = max(1, link?.attempts ?? 1)
        let counts = session.counts
        context.metrics.up.set(1)
        var details: Logger.Metadata = [
            "subscriptions": "\(counts.held)/\(counts.wanted)", "refused": "\(counts.refused)",
        ]
        if let id = link?.connection?.publicID { details["connection"] = "\(id)" }
        link?.connected(details)
        context.linkUp(attempt: attempts)
        release()
        toldRefusal = nil
        if counts.held > 0 {
            link?.becameUseful()
        } else {
            context.logger.error(
                "the hub grants no subscription at all; look at 'subscriptions' and at the rights of the login",
                metadata: ["wanted": "\(counts.wanted)", "refused": "\(counts.refused)"])
        }
        if session.leftOut > 0 {
            context.logger.error(
                "there are more pairs of entity and event than are subscribed; choose fewer in 'subscriptions'",
                metadata: ["left_out": "\(session.leftOut)"])
        }
        beginRepair()
    }

    private func tellRefused(_ refusals: [EnreachSubscriptionPlan.Refusal]) {
        for refusal in refusals {
            context.logger.warning(
                refusal.isLasting
                    ? "the hub refused subscriptions, and will not be asked for them again"
                    : "the hub refused subscriptions; they are asked for again from time to time",
                metadata: [
                    "answer": "\(refusal.message)", "count": "\(refusal.count)", "first_entity": "\(refusal.entity)",
                    "first_event": "\(refusal.event)",
                ])
            take(
                .refused(
                    message: refusal.message, count: refusal.count, entity: refusal.entity, event: refusal.event))
        }
        flush()
    }

    private func publishCounts() {
        let counts = session.counts
        let expiry = tokens.expiresAt
        context.metrics.status.update {
            $0.subscriptions = .init(wanted: counts.wanted, held: counts.held, refused: counts.refused)
            $0.tokenExpiresAt = expiry
        }
    }

    private func deadlineReached() {
        guard !isStopped else { return }
        session.deadlineReached(now: context.eventLoop.now)
        perform()
    }

    // MARK: - Entities

    /// Does not wait for the interval.
    func enumerateNow() { enumerate(session.enumeratedKinds) }

    /// Before a connection: what has to be enumerated and never was.
    private func enumerateMissing() -> EventLoopFuture<Void> {
        let kinds = session.missingKinds
        guard let api, !kinds.isEmpty else { return context.eventLoop.makeSucceededVoidFuture() }
        return entities(of: kinds[...], api, [:]).assumeIsolated().map { found in
            self.enumerated(found)
        }.nonisolated()
    }

    private func enumerate(_ kinds: [EnreachEntity.Kind]) {
        guard let api else { return session.enumerationFailed(now: context.eventLoop.now) }
        entities(of: kinds[...], api, [:]).assumeIsolated().whenComplete { result in
            guard !self.isStopped else { return }
            switch result {
            case .success(let found): self.enumerated(found)
            case .failure(let error):
                self.context.logger.warning(
                    "EnreachAPI was not asked successfully what there is; what was found before stays subscribed",
                    metadata: ["reason": "\(error)"])
                self.session.enumerationFailed(now: self.context.eventLoop.now)
                self.perform()
            }
        }
    }

    private func enumerated(_ found: [EnreachEntity.Kind: [UUID128]]) {
        // What a GUID names decides what a transfer to it is.
        for id in found[.user] ?? [] { mapper.kinds.note(id.description, .user) }
        for id in found[.queue] ?? [] { mapper.kinds.note(id.description, .queue) }
        session.enumerated(found, now: context.eventLoop.now)
        perform()
    }

    /// One kind after the other. A list that the login may not see, or that is not there, has nobody in it.
    private func entities(
        of kinds: ArraySlice<EnreachEntity.Kind>, _ api: EnreachAPI, _ found: [EnreachEntity.Kind: [UUID128]]
    ) -> EventLoopFuture<[EnreachEntity.Kind: [UUID128]]> {
        guard let kind = kinds.first else { return context.eventLoop.makeSucceededFuture(found) }
        return api.entities(of: kind).assumeIsolated().flatMapErrorThrowing { error in
            guard case .refused(let refusal)? = (error as? ConnectionError)?.reason, refusal.isLasting,
                refusal.status != 401
            else { throw error }
            if self.toldLasting.insert("\(kind) \(refusal.status)").inserted {
                self.context.logger.warning(
                    "EnreachAPI does not list these entities; name them in 'subscriptions' if you want their events",
                    metadata: ["entities": "\(kind.key)", "reason": "\(refusal)"])
            }
            return []
        }.flatMap { ids in
            var found = found
            found[kind] = ids
            return self.entities(of: kinds.dropFirst(), api, found)
        }.nonisolated()
    }

    // MARK: - The end of a connection

    private func linkLost(_ error: ConnectionError) {
        let wasUp = session.isUp
        flush()
        release()
        mapper.take(.lost, at: context.now())
        session.connectionClosed()
        repair.linkLost()
        connectionNumber += 1
        unstored.linkLost()
        timer?.set(nil)
        publishCounts()
        if error.isRefusal { tell(refusal: error) }
        guard wasUp else { return }
        let good = Self.isOrderly(error) ? context.now() : lastHeard
        // What an earlier gap swallowed and nobody could ask for yet is asked for with this one's.
        lastGood = lastGood ?? good
        context.metrics.up.set(0)
        context.linkDown(reason: "\(error)", lastGood: good, gap: .disconnect)
    }

    /// Somebody has to change something: said loudly, once for a row of equal ones.
    private func tell(refusal error: ConnectionError) {
        guard error != toldRefusal else { return }
        toldRefusal = error
        context.logger.error("enreach does not let us in", metadata: ["reason": "\(error)"])
        take(.notice(event: "link", code: error.kind, text: "\(error)"))
        flush()
    }

    /// The link was good until the very end; else nothing is known since the hub was last heard of.
    private static func isOrderly(_ error: ConnectionError) -> Bool {
        switch error.reason {
        case .closed, .declined, .misbehaved, .hub(.closed): true
        default: false
        }
    }
}

extension EnreachSource: EnreachConnectionDelegate {
    func connectionReady(_ connection: EnreachConnection) {
        lastHeard = context.now()
        take(.connected)
        session.connected(now: context.eventLoop.now)
        link?.beganToRestore()
        perform()
    }

    func connection(_ connection: EnreachConnection, received message: JSONValue) {
        guard !isStopped else { return }
        arrived += 1
        context.metrics.received.add()
        take(.message(message))
    }

    func connection(
        _ connection: EnreachConnection, received record: UnsafeRawBufferPointer, problem: String
    ) {
        guard !isStopped else { return }
        arrived += 1
        context.metrics.received.add()
        take(.unreadable(record, problem: problem))
    }

    func connection(_ connection: EnreachConnection, ended call: Int, with outcome: EnreachConnection.Outcome) {
        let now = context.eventLoop.now
        // What came before the answer is told before what follows from it.
        flush()
        switch outcome {
        case .result(let value): session.answered(call, with: value, now: now)
        case .failed(let reason): session.failed(call, because: reason, now: now)
        case .timedOut: session.timedOut(call)
        }
        perform()
    }

    func connectionReadComplete(_ connection: EnreachConnection) {
        lastHeard = context.now()
        let heard = lastHeard
        context.metrics.status.update { $0.lastHeard = heard }
        flush()
    }

    func connection(_ connection: EnreachConnection, failed error: ConnectionError) { link?.lost(error) }
}

extension EnreachConnection.Settings {
    init(_ configuration: EnreachConfiguration, http: HTTPClientConfiguration) {
        let connection = configuration.connection
        if case .fixed(let url, _) = configuration.access { hub = url }
        placement = configuration.tokenPlace == .query ? .query : .header
        skipsNegotiation = !configuration.negotiates
        limits = HubLimits(recordBytes: connection.maximumRecordBytes)
        timeouts = HubTimeouts(
            pingInterval: TimeAmount(connection.pingInterval), receiveTimeout: TimeAmount(connection.serverTimeout),
            handshakeTimeout: TimeAmount(connection.handshakeTimeout),
            invocationTimeout: TimeAmount(connection.invokeTimeout))
        self.http = http
    }
}

extension EnreachConfiguration {
    /// Where the source connects to, without secrets, for the log.
    var place: String {
        switch access {
        case .login(let login):
            switch login.place {
            case .discovery(let url): "\(url) (discovery)"
            case .api(let url): "\(url)"
            }
        case .fixed(let hub, _): "\(hub)"
        }
    }
}
