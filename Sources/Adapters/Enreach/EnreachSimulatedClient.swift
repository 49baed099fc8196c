import Codecs
import NIOCore
import Transport
import WireProtocols

/// One hub connection of the simulator, from its acceptance on: the methods of an RTE hub over the server's side of the protocol.
final class EnreachSimulatedClient: WebSocketConnectionDelegate {
    struct Subscription: Hashable {
        let entity: UUID128
        /// In lower case.
        let event: String
    }

    private weak var simulator: EnreachSimulator?
    private let eventLoop: any EventLoop
    private var connection: WebSocketConnection?
    private var hub: HubServerSession
    private var timer: LoopTimer?
    private(set) var subscriptions: Set<Subscription> = []
    private var sentCount = 0

    init(simulator: EnreachSimulator, limits: HubLimits, timeouts: HubServerTimeouts, eventLoop: any EventLoop) {
        (self.simulator, self.eventLoop) = (simulator, eventLoop)
        hub = HubServerSession(limits: limits, timeouts: timeouts, now: eventLoop.now)
    }

    // MARK: - Out

    func hears(_ entity: UUID128, _ event: String) -> Bool {
        subscriptions.contains(Subscription(entity: entity, event: event))
    }

    /// A whole record with its end, as it is.
    func send(_ record: [UInt8]) {
        guard hub.isOpen else { return }
        write(ByteBuffer(bytes: record))
    }

    /// A Close record, then the WebSocket's own.
    func close(error: String?, allowReconnect: Bool) {
        hub.close(HubClose(error: error, allowsReconnect: allowReconnect), now: eventLoop.now)
        pump()
    }

    func abort() { connection?.abort() }

    private func write(_ record: ByteBuffer) {
        guard let simulator, !simulator.isMute else { return }
        sentCount += 1
        connection?.send(simulator.sendsBinary(sentCount) ? .binary(record) : .text(record))
    }

    private func pump() {
        while let event = hub.nextEvent(now: eventLoop.now) { take(event) }
        while let message = hub.nextOutput() { write(message.bytes) }
        timer?.set(hub.nextDeadline)
        guard hub.isEnded, let connection else { return }
        self.connection = nil
        timer?.set(nil)
        simulator?.closed(self)
        connection.close()
    }

    // MARK: - In

    func webSocketConnectionReady(_ connection: WebSocketConnection, opening: WebSocketOpening) {
        self.connection = connection
        timer = LoopTimer(eventLoop: eventLoop) { [weak self] in self?.deadlineReached() }
        simulator?.opened(self)
        pump()
    }

    func webSocketConnection(_ connection: WebSocketConnection, received message: WebSocketMessage) {
        guard let simulator, !simulator.isMute else { return }
        simulator.heard(message.bytes)
        if let answer = simulator.handshakeAnswer, !hub.isOpen {
            return write(ByteBuffer(string: answer + "\u{1E}"))
        }
        hub.receive(message, now: eventLoop.now)
        pump()
    }

    func webSocketConnectionReadComplete(_ connection: WebSocketConnection) {}

    func webSocketConnection(_ connection: WebSocketConnection, failed error: ConnectionError) {
        self.connection = nil
        timer?.set(nil)
        simulator?.closed(self)
    }

    private func deadlineReached() {
        // A mute hub lets nobody go either.
        guard simulator?.isMute == false else { return }
        hub.deadlineReached(now: eventLoop.now)
        pump()
    }

    private func take(_ event: HubServerSession.Event) {
        switch event {
        case .invocation(let invocation): answer(invocation)
        case .completion: simulator?.completed()
        case .opened, .unreadable, .ended: break
        }
    }

    // MARK: - Hub methods

    private func answer(_ invocation: HubInvocation) {
        guard let simulator else { return }
        let target = invocation.target.lowercased()
        let arguments = invocation.arguments.elements
        let answer: HubAnswer =
            if let error = simulator.failure(of: target) {
                .error(error)
            } else {
                switch target {
                case "subscribe": result(arguments, subscribes: true)
                case "unsubscribe": result(arguments, subscribes: false)
                case "unsubscribeall": unsubscribeAll()
                case "availablesubscriptions": available(arguments.count)
                default: .error("Unknown hub method '\(invocation.target)'")
                }
            }
        guard let id = invocation.id, !simulator.keepsSilent(about: target) else { return }
        // An answer that does not fit is not given, as it would be with a real hub's fault.
        try? hub.complete(id, answer, now: eventLoop.now)
    }

    /// What a .NET hub says about a wrong number of arguments.
    private static func wrongCount(_ method: String) -> HubAnswer {
        .error("Failed to invoke '\(method)' due to an error on the server.")
    }

    private func result(_ arguments: [JSONValue], subscribes: Bool) -> HubAnswer {
        guard let simulator, arguments.count == 1, arguments[0].kind == .array else {
            return Self.wrongCount(subscribes ? "Subscribe" : "Unsubscribe")
        }
        var writer = ByteWriter(capacity: 16 << 10)
        writer.append("[")
        for (index, pair) in arguments[0].elements.enumerated() {
            if index > 0 { writer.append(",") }
            let entity = pair.member(ignoringCase: "EntityId")?.string ?? ""
            let event = (pair.member(ignoringCase: "EventName")?.string ?? "").lowercased()
            let refusal = subscribes ? simulator.refusal(of: entity, event) : nil
            if refusal == nil, let id = UUID128(entity) {
                let subscription = Subscription(entity: id, event: event)
                if subscribes { subscriptions.insert(subscription) } else { subscriptions.remove(subscription) }
            }
            writer.append(subscribes && refusal == nil ? #"{"subscribed":true"# : #"{"subscribed":false"#)
            writer.append(#","message":"#)
            if let refusal { writer.append(jsonString: refusal) } else { writer.append("null") }
            writer.append(#","entityId":"#)
            writer.append(jsonString: entity)
            writer.append(#","eventName":"#)
            writer.append(jsonString: event)
            writer.append("}")
        }
        writer.append("]")
        simulator.answered(subscribes: subscribes, pairs: arguments[0].elements.count)
        return .value(writer.bytes)
    }

    private func unsubscribeAll() -> HubAnswer {
        subscriptions = []
        return .value(Array("true".utf8))
    }

    private func available(_ count: Int) -> HubAnswer {
        guard let simulator, count == simulator.argumentsOfAvailable else {
            return Self.wrongCount("AvailableSubscriptions")
        }
        return .value(Array("[\(simulator.offered.map { "\"\($0)\"" }.joined(separator: ","))]".utf8))
    }
}
