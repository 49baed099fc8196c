import Codecs
import NIOCore

// A server's side of one Engine.IO session and the namespaces in it, both generations (note, section 2.10).
//
//   polling ──WebSocket with our sid──▶ polling, probing ──2probe──▶ polling, probed ──5──▶ webSocket ──▶ ended
//      │                                     └──its WebSocket ends: back to polling           ▲
//      └──close, silence, broken rule, dropped poll──▶ ended                    a direct WebSocket begins here
//
// A driver calls one input, then pulls `nextEvent()`, `nextMessage()` (for the WebSocket) and `takePollAnswer()` until nil,
// closes the WebSocket once `closesWebSocket` says so, and calls `deadlineReached` at `nextDeadline`. It answers each
// `connectionRequested` by `accept` or `refuse`, at once or later.
//
// A broken rule ends the session, as the reference server has it.

/// What a server grants each session.
public struct SocketIOServerSessionConfiguration: Sendable {
    /// With their slashes.
    public var namespaces: Set<String> = ["/"]
    public var pingInterval = TimeAmount.seconds(25)
    public var pingTimeout = TimeAmount.seconds(20)
    /// Engine.IO 4: a session that joins no namespace ends after so long.
    public var connectTimeout = TimeAmount.seconds(45)
    /// From an emit to its acknowledgement.
    public var acknowledgementTimeout = TimeAmount.seconds(10)
    /// Whether polling sessions may go over to a WebSocket, and how long they may take for it.
    public var allowsUpgrade = true
    public var upgradeTimeout = TimeAmount.seconds(10)
    public var limits = SocketIOLimits()
    /// What waits for a client that does not poll; beyond it the session ends.
    public var bufferedPackets = 1024
    public var bufferedBytes = 4 << 20

    public init() {}
}

/// Why a session ended.
public enum SocketIOServerEnd: Equatable, Sendable {
    /// Engine.IO close.
    case left
    /// Its WebSocket ended.
    case socketClosed
    /// It gave up a request for packets, and so lost some.
    case pollDropped
    /// It asked twice at once.
    case overlappingPolls
    case silent(for: TimeAmount)
    case noConnect(within: TimeAmount)
    case violation(SocketIOViolation)
    /// CONNECT of a namespace that it is in.
    case repeatedConnect
    /// An event without a name, or an acknowledgement without an array.
    case malformedPayload
    /// More waits than it takes.
    case unread(packets: Int)
    /// By us.
    case closed
}

extension SocketIOServerEnd: CustomStringConvertible {
    public var description: String {
        switch self {
        case .left: "the client left"
        case .socketClosed: "the client's WebSocket ended"
        case .pollDropped: "the client dropped a poll"
        case .overlappingPolls: "the client polled twice at once"
        case .silent(let time): "nothing came from the client for \(time.words)"
        case .noConnect(let limit): "the client joined no namespace within \(limit.words)"
        case .violation(let violation): "the client broke the Socket.IO protocol: \(violation)"
        case .repeatedConnect: "the client joined a namespace twice"
        case .malformedPayload: "the client sent an event or an acknowledgement of the wrong form"
        case .unread(let packets): "the client does not take what waits for it: \(packets) packets"
        case .closed: "the server closed the session"
        }
    }
}

/// A server's end of a session as a value: requests, messages and the time in; events, answers and messages out.
public struct SocketIOServerSession: Sendable {
    public enum Transport: String, Sendable { case polling, websocket }

    public enum Event: Sendable {
        /// The client wants to join. `query`: what stands behind the namespace's name (protocol 4). `auth`: protocol 5.
        case connectionRequested(namespace: String, query: String?, auth: JSONDocument?)
        /// An event of a namespace that was joined.
        case event(SocketIOEvent)
        case acknowledged(UInt64, SocketIOEvent)
        case unacknowledged(UInt64)
        /// The client left a namespace, the session goes on.
        case disconnected(namespace: String)
        /// Nothing follows.
        case ended(SocketIOServerEnd)
    }

    /// What becomes of a request for packets.
    public enum PollStep: Equatable, Sendable {
        case answer(PollAnswer)
        /// `takePollAnswer` will have one.
        case wait
        case refuse(EngineIORequestFault)
    }

    public struct PollAnswer: Equatable, Sendable {
        public var body: ByteBuffer
        public var contentType: String
    }

    private enum Upgrade {
        case none
        /// A WebSocket with our sid is there. → probed, none
        case probing(until: NIODeadline)
        /// Its probe was answered; polls are ended. → none, with the transport changed
        case probed(until: NIODeadline)
    }

    private enum Membership { case requested, joined }

    public let version: EngineIOVersion
    public let sid: String
    public private(set) var transport: Transport
    private let configuration: SocketIOServerSessionConfiguration
    private var upgrade = Upgrade.none
    private var heartbeat: EngineIOServerHeartbeat
    private var reader: SocketIOPacketReader
    private var namespaces: [String: Membership] = [:]
    private var acknowledgements: SocketIOPendingAcknowledgements
    private var connectDue: NIODeadline?
    private var events = CircularBuffer<Event>()
    /// For the transport in use.
    private var queue = CircularBuffer<EngineIOPacket>()
    private var queuedBytes = 0
    /// For a WebSocket that is not in use yet.
    private var probeAnswers = CircularBuffer<WebSocketMessage>()
    /// The form in which a request waits for an answer.
    private var poll: EngineIOPayload.Format?
    private var end: SocketIOServerEnd?

    /// - Parameter sid: visible ASCII, not to be guessed.
    public init(
        _ configuration: SocketIOServerSessionConfiguration, version: EngineIOVersion, sid: String,
        transport: Transport, now: NIODeadline
    ) {
        (self.configuration, self.version, self.sid, self.transport) = (configuration, version, sid, transport)
        let opening = EngineIOOpening(
            sid: sid, upgrades: transport == .polling && configuration.allowsUpgrade ? ["websocket"] : [],
            pingInterval: configuration.pingInterval, pingTimeout: configuration.pingTimeout,
            maximumPayloadBytes: version == .v4 ? configuration.limits.messageBytes : nil)
        heartbeat = EngineIOServerHeartbeat(version: version, opening: opening, now: now)
        reader = SocketIOPacketReader(limits: configuration.limits)
        acknowledgements = SocketIOPendingAcknowledgements(limit: configuration.limits.pendingAcknowledgements)
        send(EngineIOPacket(.open, opening.data))
        switch version {
        case .v3: request("/", query: nil, auth: nil)
        case .v4: connectDue = now + configuration.connectTimeout
        }
    }

    // MARK: - Inputs: polling

    /// A request for packets. The answer to the first has the open packet alone: some clients look at no other.
    public mutating func polled(_ format: EngineIOPayload.Format, now: NIODeadline) -> PollStep {
        guard end == nil else { return .refuse(.unknownSession) }
        guard transport == .polling else { return .refuse(.badRequest) }
        guard poll == nil else {
            finish(.overlappingPolls)
            return .refuse(.badRequest)
        }
        poll = version == .v4 ? .separated : format
        if case .probed = upgrade, queue.isEmpty { send(EngineIOPacket(.noop)) }
        return takePollAnswer().map { .answer($0) } ?? .wait
    }

    /// The body of a POST.
    public mutating func posted(_ body: ByteBuffer, now: NIODeadline) -> EngineIORequestFault? {
        guard end == nil else { return .unknownSession }
        guard transport == .polling else { return .badRequest }
        let limit = configuration.limits.messageBytes
        do throws(EngineIOViolation) {
            guard body.readableBytes <= limit else {
                finish(.violation(.messageTooLong(limitBytes: limit)))
                return .badRequest
            }
            for packet in try EngineIOPayload.decode(body, version: version) where end == nil { take(packet, now: now) }
        } catch {
            finish(.violation(.engine(error)))
        }
        if case .violation = end { return .badRequest }
        return nil
    }

    /// The connection of a request that waits has ended.
    public mutating func pollDropped() {
        guard poll.take() != nil else { return }
        finish(.pollDropped)
    }

    // MARK: - Inputs: WebSocket

    /// A WebSocket with our sid was asked for; nil: let it open.
    public mutating func upgradeRequested(now: NIODeadline) -> EngineIORequestFault? {
        guard end == nil else { return .unknownSession }
        guard transport == .polling, configuration.allowsUpgrade, case .none = upgrade else { return .badRequest }
        upgrade = .probing(until: now + configuration.upgradeTimeout)
        return nil
    }

    /// A message of the WebSocket.
    public mutating func received(_ message: WebSocketMessage, now: NIODeadline) {
        guard end == nil else { return }
        do throws(EngineIOViolation) {
            let packet = try EngineIOPacket(message, version: version)
            if transport == .websocket { take(packet, now: now) } else { probe(packet, now: now) }
        } catch {
            if transport == .websocket { finish(.violation(.engine(error))) } else { giveUpUpgrade() }
        }
    }

    /// The WebSocket has ended. One that was not in use yet is no loss.
    public mutating func webSocketClosed() {
        if transport == .websocket { finish(.socketClosed) } else { giveUpUpgrade() }
    }

    private mutating func giveUpUpgrade() {
        upgrade = .none
        probeAnswers.removeAll()
    }

    private mutating func probe(_ packet: EngineIOPacket, now: NIODeadline) {
        switch (upgrade, packet.type) {
        case (.probing(let until), .ping), (.probed(let until), .ping):
            upgrade = .probed(until: until)
            probeAnswers.append(EngineIOPacket(.pong, packet.data).message(version: version))
            // A request that waits is ended, so that the client can leave polling.
            if poll != nil, queue.isEmpty { send(EngineIOPacket(.noop)) }
        case (.probed, .upgrade):
            (upgrade, transport) = (.none, .websocket)
            heartbeat.received(now: now)
        case (.none, _), (.probing, _), (.probed, _): giveUpUpgrade()
        }
    }

    // MARK: - Inputs: the server's application

    /// Lets the client into a namespace that it asked for. `socketID`: not to be guessed; protocol 5 only.
    public mutating func accept(_ namespace: String, socketID: String) {
        guard end == nil, case .requested = namespaces[namespace] else { return }
        namespaces[namespace] = .joined
        connectDue = nil
        var json: [UInt8]?
        if version == .v4 {
            var writer = ByteWriter(capacity: 64)
            writer.append("{\"sid\":")
            writer.append(jsonString: socketID)
            writer.append(UInt8(ascii: "}"))
            json = writer.bytes
        }
        send(EngineIOPacket(.message, SocketIOPacketWriter.write(.connect, namespace: namespace, json: json)))
    }

    /// Does not let it in.
    public mutating func refuse(_ namespace: String, message: String, code: Int? = nil) {
        guard end == nil, case .requested = namespaces[namespace] else { return }
        namespaces[namespace] = nil
        sendRefusal(namespace, message, code)
    }

    public mutating func emit(
        _ name: String, _ arguments: [SocketIOArgument], to namespace: String = "/", wantsAcknowledgement: Bool = false,
        now: NIODeadline
    ) -> SocketIOEmission {
        guard end == nil, case .joined = namespaces[namespace] else { return .notConnected }
        guard !wantsAcknowledgement || acknowledgements.hasRoom else { return .tooManyUnacknowledged }
        let number = wantsAcknowledgement ? acknowledgements.nextNumber : nil
        let id = number.map { SocketIOAcknowledgementID($0) }
        guard send(name: name, arguments, to: namespace, id: id) else { return .tooLarge }
        guard wantsAcknowledgement else { return .sent }
        return .awaits(acknowledgement: acknowledgements.add(until: now + configuration.acknowledgementTimeout))
    }

    /// Answers an event that asked for it; does nothing for one that did not.
    public mutating func acknowledge(_ event: SocketIOEvent, with arguments: [SocketIOArgument]) {
        guard end == nil, let id = event.acknowledgementID, case .joined = namespaces[event.namespace] else { return }
        _ = send(name: nil, arguments, to: event.namespace, id: id)
    }

    /// Puts the client out of a namespace.
    public mutating func disconnect(_ namespace: String) {
        guard end == nil, namespaces.removeValue(forKey: namespace) != nil else { return }
        send(EngineIOPacket(.message, SocketIOPacketWriter.write(.disconnect, namespace: namespace)))
    }

    /// Ends the session, and tells the client where it can.
    public mutating func close() {
        guard end == nil else { return }
        for namespace in namespaces.keys.sorted() { disconnect(namespace) }
        finish(.closed)
    }

    /// The time has come to `nextDeadline`, or to any other.
    public mutating func deadlineReached(now: NIODeadline) {
        guard end == nil else { return }
        for number in acknowledgements.expired(now: now) { events.append(.unacknowledged(number)) }
        if let connectDue, connectDue <= now { return finish(.noConnect(within: configuration.connectTimeout)) }
        if let upgradeDue, upgradeDue <= now { giveUpUpgrade() }
        switch heartbeat.deadlineReached(now: now) {
        case .ping: send(EngineIOPacket(.ping))
        case .dead(let time): finish(.silent(for: time))
        case .nothing: break
        }
    }

    // MARK: - Outputs

    public mutating func nextEvent() -> Event? { events.popFirst() }
    public var hasEvents: Bool { !events.isEmpty }

    /// For the WebSocket.
    public mutating func nextMessage() -> WebSocketMessage? {
        if let answer = probeAnswers.popFirst() { return answer }
        guard transport == .websocket, let packet = queue.popFirst() else { return nil }
        queuedBytes -= packet.data.readableBytes
        return packet.message(version: version)
    }

    /// The body for the request that waits, once there is something to say.
    public mutating func takePollAnswer() -> PollAnswer? {
        guard let format = poll, let first = queue.first else { return nil }
        poll = nil
        let packets = first.type == .open ? [first] : Array(queue)
        queue.removeFirst(packets.count)
        queuedBytes -= packets.reduce(0) { $0 + $1.data.readableBytes }
        return PollAnswer(body: EngineIOPayload.encode(packets, as: format), contentType: format.contentType)
    }

    public var isEnded: Bool { end != nil }

    /// Nothing more will be said on the WebSocket that is there: write the messages, and close it.
    public var closesWebSocket: Bool { isEnded || (transport == .polling && upgradeDue == nil) }

    private var upgradeDue: NIODeadline? {
        switch upgrade {
        case .none: nil
        case .probing(let until), .probed(let until): until
        }
    }

    public var nextDeadline: NIODeadline? {
        guard end == nil else { return nil }
        return [heartbeat.nextDeadline, connectDue, upgradeDue, acknowledgements.nextDeadline].compactMap { $0 }.min()
    }

    /// The namespaces that the client is in.
    public var joined: [String] { namespaces.filter { $0.value == .joined }.keys.sorted() }

    // MARK: - Engine.IO

    private mutating func take(_ packet: EngineIOPacket, now: NIODeadline) {
        heartbeat.received(now: now)
        switch packet.type {
        case .message:
            do throws(SocketIOViolation) {
                if let (packet, attachments) = try reader.receive(packet) { take(packet, attachments) }
            } catch {
                finish(.violation(error))
            }
        case .ping where version == .v3: send(EngineIOPacket(.pong, packet.data))
        case .pong where version == .v4, .noop: break
        case .close: finish(.left)
        // A late one does no harm.
        case .upgrade: break
        case .open, .ping, .pong: finish(.violation(.engine(.unknownType(packet.type.digit))))
        }
    }

    // MARK: - Socket.IO

    private mutating func take(_ packet: SocketIOPacket, _ attachments: [ByteBuffer]) {
        let namespace = SocketIONamespace.withoutQuery(packet.namespace)
        switch packet.type {
        case .connect: connect(namespace, packet)
        case .disconnect:
            guard namespaces.removeValue(forKey: namespace) == .joined else { return }
            events.append(.disconnected(namespace: namespace))
        case .event, .binaryEvent:
            guard let event = SocketIOEvent(packet, attachments: attachments) else { return finish(.malformedPayload) }
            // As python does; the reference server ends such a session.
            guard case .joined = namespaces[namespace] else { return }
            events.append(.event(event))
        case .acknowledgement, .binaryAcknowledgement:
            guard let event = SocketIOEvent(packet, attachments: attachments) else { return finish(.malformedPayload) }
            guard let number = packet.acknowledgementID?.number, acknowledgements.remove(number) else { return }
            events.append(.acknowledged(number, event))
        // Only servers refuse.
        case .connectError: finish(.violation(.unknownType(packet.type.rawValue + UInt8(ascii: "0"))))
        }
    }

    private mutating func connect(_ namespace: String, _ packet: SocketIOPacket) {
        guard configuration.namespaces.contains(namespace) else {
            return sendRefusal(namespace, "Invalid namespace", nil)
        }
        guard namespaces[namespace] == nil else {
            // Protocol 4: we connected `/` by ourselves, and some clients ask for it all the same.
            return version == .v3 ? () : finish(.repeatedConnect)
        }
        let query = packet.namespace.firstIndex(of: "?").map { String(packet.namespace[$0...].dropFirst()) }
        request(namespace, query: query, auth: packet.payload)
    }

    private mutating func request(_ namespace: String, query: String?, auth: JSONDocument?) {
        namespaces[namespace] = .requested
        events.append(.connectionRequested(namespace: namespace, query: query, auth: auth))
    }

    private mutating func sendRefusal(_ namespace: String, _ message: String, _ code: Int?) {
        var writer = ByteWriter(capacity: 128)
        if version == .v4 { writer.append("{\"message\":") }
        writer.append(jsonString: message)
        if version == .v4, let code {
            writer.append(",\"data\":{\"code\":")
            writer.append(decimal: Int64(code))
            writer.append(UInt8(ascii: "}"))
        }
        if version == .v4 { writer.append(UInt8(ascii: "}")) }
        let data = SocketIOPacketWriter.write(.connectError, namespace: namespace, json: writer.bytes)
        send(EngineIOPacket(.message, data))
    }

    // MARK: - Sending

    /// False: longer than a client takes.
    private mutating func send(
        name: String?, _ arguments: [SocketIOArgument], to namespace: String, id: SocketIOAcknowledgementID?
    ) -> Bool {
        let (data, attachments) = SocketIOPacketWriter.write(
            name: name, arguments, namespace: namespace, id: id, ascii: version == .v3 && transport == .polling)
        let limits = configuration.limits
        guard attachments.count <= limits.attachments,
            ([data] + attachments).allSatisfy({ $0.readableBytes < limits.messageBytes })
        else { return false }
        send(EngineIOPacket(.message, data))
        for attachment in attachments { send(EngineIOPacket(.message, attachment, isBinary: true)) }
        return true
    }

    private mutating func send(_ packet: EngineIOPacket) {
        guard end == nil else { return }
        queue.append(packet)
        queuedBytes += packet.data.readableBytes
        if queue.count > configuration.bufferedPackets || queuedBytes > configuration.bufferedBytes {
            let count = queue.count
            (queue, queuedBytes) = ([], 0)
            finish(.unread(packets: count))
        }
    }

    // MARK: - The end

    private mutating func finish(_ reason: SocketIOServerEnd) {
        guard end == nil else { return }
        end = reason
        // A request that waits is answered: with a noop to one who leaves, else with a close packet.
        if poll != nil { queue.append(EngineIOPacket(reason == .left ? .noop : .close)) }
        for number in acknowledgements.removeAll() { events.append(.unacknowledged(number)) }
        namespaces = [:]
        events.append(.ended(reason))
    }
}
