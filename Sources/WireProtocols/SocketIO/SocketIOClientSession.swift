import Codecs
import NIOCore

// A client's side of Socket.IO on one WebSocket, both generations (note, sections 2.4 to 2.8).
//
//   opening ──open packet──▶ connecting ──CONNECT──▶ connected ──disconnect()──▶ ended
//      └───────time, refusal───────┴─────────time, refusal, silence, broken rule, DISCONNECT───▶ ended
//
// A driver calls `receive` for each message and `deadlineReached` at `nextDeadline`, then pulls `nextEvent()` and
// `nextOutput()` until nil, and closes the WebSocket (1000) once `closesWebSocket` says so. One session lives as long as one
// WebSocket; the next attempt has a new one, so that nothing of an old attempt can act on it.
//
// Protocol 4: the server connects `/` by itself, and we never send CONNECT for it (socket.io 1.3.6 would run its handlers
// twice). Protocol 5: we send CONNECT once. Events before CONNECT is answered are held back, as by the reference client.

/// What a client wants of a server.
public struct SocketIOClientConfiguration: Sendable {
    /// With its slash. In protocol 4 it may have a query.
    public var namespace = "/"
    /// A JSON object that goes with CONNECT in protocol 5. A secret.
    public var auth: [UInt8]?
    /// Never repeated from what a server says: tokens above all.
    public var secrets: [String] = []
    public var limits = SocketIOLimits()
    public var timeouts = SocketIOTimeouts()

    public init() {}
}

/// The namespace is connected.
public struct SocketIOOpening: Sendable, Equatable {
    public var version: EngineIOVersion
    public var engine: EngineIOOpening
    /// Of the namespace; protocol 5 only.
    public var socketID: String?
    /// The version is not the one that was asked for first.
    public var isFallback = false
}

/// A client's end of a Socket.IO session as a value: messages and the time in; events and messages out.
public struct SocketIOClientSession: Sendable {
    public enum Event: Sendable {
        case connected(SocketIOOpening)
        case event(SocketIOEvent)
        /// The acknowledgement of the emit with this number, and its arguments.
        case acknowledged(UInt64, SocketIOEvent)
        /// None came in time, or the session ended before.
        case unacknowledged(UInt64)
        case odd(SocketIOOddity)
        /// Nothing follows.
        case failed(SocketIOError)
    }

    private enum State {
        /// The WebSocket is up. → connecting, ended
        case opening(until: NIODeadline)
        /// The open packet has come. → connected, ended
        case connecting(EngineIOOpening, until: NIODeadline)
        /// The namespace is ours. → ended
        case connected(EngineIOOpening)
        case ended
    }

    private let version: EngineIOVersion
    private let configuration: SocketIOClientConfiguration
    /// Without its query.
    private let namespace: String
    private var reader: SocketIOPacketReader
    private var state: State
    private var heartbeat: EngineIOClientHeartbeat?
    private var events = CircularBuffer<Event>()
    private var output = CircularBuffer<WebSocketMessage>()
    private var early: [SocketIOEvent] = []
    private var acknowledgements: SocketIOPendingAcknowledgements
    private var counts = SocketIOStatistics()

    public init(_ configuration: SocketIOClientConfiguration, version: EngineIOVersion, now: NIODeadline) {
        (self.configuration, self.version) = (configuration, version)
        namespace = SocketIONamespace.withoutQuery(configuration.namespace)
        reader = SocketIOPacketReader(limits: configuration.limits)
        acknowledgements = SocketIOPendingAcknowledgements(limit: configuration.limits.pendingAcknowledgements)
        state = .opening(until: now + configuration.timeouts.open)
    }

    // MARK: - Inputs

    /// One message of the WebSocket.
    public mutating func receive(_ message: WebSocketMessage, now: NIODeadline) {
        guard !closesWebSocket else { return }
        heartbeat?.received(now: now)
        do throws(SocketIOViolation) {
            try take(message, now: now)
        } catch {
            if error.isTolerable {
                note(error.oddity)
            } else {
                fail(.violation(error))
            }
        }
    }

    /// Whether the socket is being read. While it is not, silence is not held against the server.
    public mutating func setReceiving(_ isReceiving: Bool, now: NIODeadline) {
        heartbeat?.setReceiving(isReceiving, now: now)
    }

    /// The time has come to `nextDeadline`, or to any other.
    public mutating func deadlineReached(now: NIODeadline) {
        for number in acknowledgements.expired(now: now) { unacknowledged(number) }
        switch state {
        case .opening(let until) where until <= now:
            return fail(.timedOut(.openPacket, after: configuration.timeouts.open))
        case .connecting(_, let until) where until <= now:
            return fail(.timedOut(.connect, after: configuration.timeouts.connect))
        case .ended: return
        case .opening, .connecting, .connected: break
        }
        switch heartbeat?.deadlineReached(now: now) {
        case .ping: send(EngineIOPacket(.ping))
        case .dead(let time): fail(.silent(for: time))
        case .nothing, nil: break
        }
    }

    /// The WebSocket has ended, however: what awaits an acknowledgement is given up.
    public mutating func connectionClosed() { end() }

    /// Puts an event into the output.
    public mutating func emit(
        _ name: String, _ arguments: [SocketIOArgument], wantsAcknowledgement: Bool = false, now: NIODeadline
    ) -> SocketIOEmission {
        guard case .connected(let opening) = state else { return .notConnected }
        guard !wantsAcknowledgement || acknowledgements.hasRoom else { return .tooManyUnacknowledged }
        let number = wantsAcknowledgement ? acknowledgements.nextNumber : nil
        let (data, attachments) = SocketIOPacketWriter.write(
            name: name, arguments, namespace: namespace, id: number.map { SocketIOAcknowledgementID($0) })
        guard fits(data, attachments, opening) else { return .tooLarge }
        send(data, attachments)
        counts.emits += 1
        guard wantsAcknowledgement else { return .sent }
        return .awaits(acknowledgement: acknowledgements.add(until: now + configuration.timeouts.acknowledgement))
    }

    /// Answers an event that asked for it; does nothing for one that did not.
    public mutating func acknowledge(_ event: SocketIOEvent, with arguments: [SocketIOArgument]) {
        guard case .connected(let opening) = state, let id = event.acknowledgementID else { return }
        let (data, attachments) = SocketIOPacketWriter.write(name: nil, arguments, namespace: namespace, id: id)
        guard fits(data, attachments, opening) else { return }
        send(data, attachments)
    }

    /// Leaves in an orderly way: DISCONNECT where we are connected, then the WebSocket can be closed.
    public mutating func disconnect() {
        if case .connected = state {
            send(EngineIOPacket(.message, SocketIOPacketWriter.write(.disconnect, namespace: namespace)))
        }
        end()
    }

    // MARK: - Outputs

    public mutating func nextEvent() -> Event? { events.popFirst() }

    public mutating func nextOutput() -> WebSocketMessage? { output.popFirst() }

    /// Nothing is understood or said any more: write the output, and close.
    public var closesWebSocket: Bool {
        if case .ended = state { return true }
        return false
    }

    public var isConnected: Bool {
        if case .connected = state { return true }
        return false
    }

    /// The open packet has come.
    public var isOpen: Bool { heartbeat != nil }

    public var nextDeadline: NIODeadline? {
        let stage: NIODeadline?
        switch state {
        case .opening(let until), .connecting(_, let until): stage = until
        case .connected: stage = nil
        case .ended: return nil
        }
        return [stage, heartbeat?.nextDeadline, acknowledgements.nextDeadline].compactMap { $0 }.min()
    }

    public var statistics: SocketIOStatistics {
        var counts = counts
        counts.pingsMissed = heartbeat?.missed ?? 0
        return counts
    }

    /// From our latest ping to its pong; Engine.IO 3 only.
    public var roundTrip: TimeAmount? { heartbeat?.roundTrip }

    // MARK: - Engine.IO

    private mutating func take(_ message: WebSocketMessage, now: NIODeadline) throws(SocketIOViolation) {
        if case .opening = state { return try open(message, now: now) }
        let packet: EngineIOPacket
        do { packet = try EngineIOPacket(message, version: version) } catch { throw .engine(error) }
        switch packet.type {
        case .message:
            if let (packet, attachments) = try reader.receive(packet) {
                try take(packet, attachments, now: now)
            }
        case .ping where version == .v4:
            heartbeat?.pinged(now: now)
            send(EngineIOPacket(.pong, packet.data))
        case .pong where version == .v3: heartbeat?.ponged(now: now)
        case .close: fail(.closed)
        case .noop: break
        case .open, .ping, .pong, .upgrade: note(.unexpectedEnginePacket)
        }
    }

    private mutating func open(_ message: WebSocketMessage, now: NIODeadline) throws(SocketIOViolation) {
        guard let packet = try? EngineIOPacket(message, version: version), packet.type == .open, !packet.isBinary else {
            return fail(.refused(SocketIORefusal(insteadOfOpening: message, hiding: configuration.secrets)))
        }
        let opening: EngineIOOpening
        do { opening = try EngineIOOpening(packet.data) } catch { throw .engine(error) }
        heartbeat = EngineIOClientHeartbeat(
            version: version, opening: opening, pongLimit: configuration.timeouts.pong, now: now)
        state = .connecting(opening, until: now + configuration.timeouts.connect)
        switch version {
        case .v3 where namespace == "/": break
        case .v3: sendConnect(configuration.namespace, nil)
        case .v4: sendConnect(namespace, configuration.auth)
        }
    }

    private mutating func sendConnect(_ namespace: String, _ auth: [UInt8]?) {
        let data = SocketIOPacketWriter.write(
            .connect, namespace: namespace, json: auth, trailingComma: version == .v4 ? .always : .never)
        send(EngineIOPacket(.message, data))
    }

    // MARK: - Socket.IO

    private mutating func take(
        _ packet: SocketIOPacket, _ attachments: [ByteBuffer], now: NIODeadline
    ) throws(SocketIOViolation) {
        let isOurs = SocketIONamespace.withoutQuery(packet.namespace) == namespace
        switch packet.type {
        case .connect: connect(packet, isOurs: isOurs)
        case .disconnect where isOurs: fail(.disconnected)
        // In protocol 4 `/` comes before all others: who is refused there is refused.
        case .connectError where isOurs || (version == .v3 && packet.namespace == "/" && !isConnected):
            refuse(packet.payload?.root)
        case .event where isOurs, .binaryEvent where isOurs: try event(packet, attachments, now: now)
        case .acknowledgement where isOurs, .binaryAcknowledgement where isOurs: acknowledged(packet, attachments)
        case .disconnect, .connectError, .event, .binaryEvent, .acknowledgement, .binaryAcknowledgement:
            note(.foreignNamespace)
        }
    }

    private mutating func connect(_ packet: SocketIOPacket, isOurs: Bool) {
        let socketID = packet.payload?.root["sid"]?.string
        switch state {
        // Servers of 1.x and 2.x look at no version, connect `/` by themselves, and wait for pings that we would not send.
        case .connecting where version == .v4 && socketID == nil && (isOurs || packet.namespace == "/"):
            fail(.refused(SocketIORefusal(.olderServer)))
        case .connecting(let opening, _) where isOurs:
            state = .connected(opening)
            events.append(
                .connected(
                    SocketIOOpening(
                        version: version, engine: opening, socketID: socketID.map { String($0.prefix(128)) })))
            for event in early { events.append(.event(event)) }
            early = []
        case .connected where isOurs: note(.repeatedConnect)
        // In protocol 4 a server always connects `/` first.
        case .connecting, .connected: if version == .v4 || packet.namespace != "/" { note(.foreignNamespace) }
        case .opening, .ended: break
        }
    }

    private mutating func refuse(_ payload: JSONValue?) {
        guard !isConnected else { return note(.lateError) }
        fail(.refused(SocketIORefusal(payload, namespace: namespace, hiding: configuration.secrets)))
    }

    private mutating func event(
        _ packet: SocketIOPacket, _ attachments: [ByteBuffer], now: NIODeadline
    ) throws(SocketIOViolation) {
        guard let event = SocketIOEvent(packet, attachments: attachments) else { return note(.namelessEvent) }
        counts.events += 1
        counts.lastEvent = now
        guard !isConnected else { return events.append(.event(event)) }
        guard early.count < configuration.limits.earlyEvents else {
            throw .tooManyEarlyEvents(limit: configuration.limits.earlyEvents)
        }
        early.append(event)
    }

    private mutating func acknowledged(_ packet: SocketIOPacket, _ attachments: [ByteBuffer]) {
        guard let event = SocketIOEvent(packet, attachments: attachments) else {
            return note(.malformedAcknowledgement)
        }
        guard let number = packet.acknowledgementID?.number, acknowledgements.remove(number) else {
            return note(.unknownAcknowledgement)
        }
        counts.acknowledged += 1
        events.append(.acknowledged(number, event))
    }

    // MARK: - Sending

    private mutating func send(_ packet: EngineIOPacket) { output.append(packet.message(version: version)) }

    private mutating func send(_ data: ByteBuffer, _ attachments: [ByteBuffer]) {
        send(EngineIOPacket(.message, data))
        for attachment in attachments { send(EngineIOPacket(.message, attachment, isBinary: true)) }
    }

    /// Servers close on a message that is too long (1009): better not to send it.
    private func fits(_ data: ByteBuffer, _ attachments: [ByteBuffer], _ opening: EngineIOOpening) -> Bool {
        let limit = min(opening.maximumPayloadBytes ?? .max, configuration.limits.messageBytes)
        return ([data] + attachments).allSatisfy { $0.readableBytes < limit }
            && attachments.count <= configuration.limits.attachments
    }

    // MARK: - The end

    private mutating func note(_ oddity: SocketIOOddity) {
        counts.oddities[oddity, default: 0] += 1
        events.append(.odd(oddity))
    }

    private mutating func unacknowledged(_ number: UInt64) {
        counts.unacknowledged += 1
        events.append(.unacknowledged(number))
    }

    private mutating func fail(_ error: SocketIOError) {
        // What waits to be said is void: it was meant for a session that is none.
        output.removeAll()
        end()
        events.append(.failed(error))
    }

    private mutating func end() {
        for number in acknowledgements.removeAll() { unacknowledged(number) }
        state = .ended
        early = []
    }
}
