import Codecs
import NIOCore
import Transport
import WireProtocols

/// One hub connection of the simulator, from its acceptance on: the server's side of the SignalR JSON protocol, as far as RTE
/// needs it.
final class EnreachSimulatedClient: WebSocketConnectionDelegate {
    struct Subscription: Hashable {
        let entity: UUID128
        /// In lower case.
        let event: String
    }

    private static let separator: UInt8 = 0x1E

    private weak var simulator: EnreachSimulator?
    private var connection: WebSocketConnection?
    private var rest: [UInt8] = []
    private var hasShakenHands = false
    private(set) var subscriptions: Set<Subscription> = []
    private(set) var lastSent = NIODeadline.uptimeNanoseconds(0)
    private(set) var lastReceived: NIODeadline
    private var sentCount = 0

    init(simulator: EnreachSimulator, now: NIODeadline) {
        self.simulator = simulator
        lastReceived = now
    }

    // MARK: - Out

    func hears(_ entity: UUID128, _ event: String) -> Bool {
        subscriptions.contains(Subscription(entity: entity, event: event))
    }

    /// `record` ends with the separator.
    func send(_ record: [UInt8]) {
        guard let simulator, hasShakenHands, !simulator.isMute else { return }
        sentCount += 1
        lastSent = simulator.now
        let buffer = ByteBuffer(bytes: record)
        connection?.send(simulator.sendsBinary(sentCount) ? .binary(buffer) : .text(buffer))
    }

    func send(_ record: String) { send(Array(record.utf8) + [Self.separator]) }

    /// A Close record, then the WebSocket's own.
    func close(error: String?, allowReconnect: Bool) {
        var writer = ByteWriter(capacity: 128)
        writer.append(#"{"type":7"#)
        if let error {
            writer.append(#","error":"#)
            writer.append(jsonString: error)
        }
        if allowReconnect { writer.append(#","allowReconnect":true"#) }
        writer.append("}")
        send(writer.bytes + [Self.separator])
        simulator?.closed(self)
        connection?.close()
    }

    func abort() { connection?.abort() }

    // MARK: - In

    func webSocketConnectionReady(_ connection: WebSocketConnection, opening: WebSocketOpening) {
        self.connection = connection
        simulator?.opened(self)
    }

    func webSocketConnection(_ connection: WebSocketConnection, received message: WebSocketMessage) {
        guard let simulator, !simulator.isMute else { return }
        lastReceived = simulator.now
        simulator.heard(message.bytes.readableBytes)
        // What ASP.NET Core takes (MaximumReceiveMessageSize).
        guard message.bytes.readableBytes <= simulator.maximumMessageBytes else {
            return close(error: "Connection closed with an error.", allowReconnect: false)
        }
        rest += message.bytes.readableBytesView
        while let end = rest.firstIndex(of: Self.separator) {
            let record = Array(rest[..<end])
            rest.removeSubrange(...end)
            take(record)
        }
    }

    func webSocketConnectionReadComplete(_ connection: WebSocketConnection) {}

    func webSocketConnection(_ connection: WebSocketConnection, failed error: ConnectionError) {
        simulator?.closed(self)
    }

    private func take(_ record: [UInt8]) {
        guard let value = try? JSONDocument(record, limits: JSONLimits(bytes: 1 << 20, depth: 64)).root else {
            return close(error: "Connection closed with an error.", allowReconnect: false)
        }
        guard hasShakenHands else { return shakeHands(value) }
        switch value["type"]?.numberText {
        case "1": invoke(value)
        case "3": simulator?.completed(value)
        case "7": connection?.close()
        default: break
        }
    }

    private func shakeHands(_ value: JSONValue) {
        let isKnown = value["protocol"]?.string == "json" && value["version"]?.numberText == "1"
        hasShakenHands = true
        if !isKnown {
            send(#"{"error":"The protocol is not supported."}"#)
            connection?.close()
        } else if let answer = simulator?.handshakeAnswer {
            send(answer)
        }
    }

    // MARK: - Hub methods

    private func invoke(_ value: JSONValue) {
        guard let simulator, let target = value["target"]?.string?.lowercased() else { return }
        let arguments = value["arguments"]?.elements ?? []
        let outcome: Result<String, EnreachSubscriptionError> =
            if let error = simulator.failure(of: target) {
                .failure(error)
            } else {
                switch target {
                case "subscribe": result(arguments, subscribes: true)
                case "unsubscribe": result(arguments, subscribes: false)
                case "unsubscribeall": unsubscribeAll()
                case "availablesubscriptions": available(arguments.count)
                default: .failure(EnreachSubscriptionError("Unknown hub method '\(target)'"))
                }
            }
        guard let id = value["invocationId"]?.string else { return }
        var writer = ByteWriter(capacity: 1024)
        writer.append(#"{"type":3,"invocationId":"#)
        writer.append(jsonString: id)
        switch outcome {
        case .success(let json):
            writer.append(#","result":"#)
            writer.append(utf8: json)
        case .failure(let error):
            writer.append(#","error":"#)
            writer.append(jsonString: error.description)
        }
        writer.append("}")
        send(writer.bytes + [Self.separator])
    }

    private static func wrongCount(_ method: String) -> EnreachSubscriptionError {
        EnreachSubscriptionError("Failed to invoke '\(method)' due to an error on the server.")
    }

    private func result(
        _ arguments: [JSONValue], subscribes: Bool
    ) -> Result<String, EnreachSubscriptionError> {
        guard let simulator, arguments.count == 1, arguments[0].kind == .array else {
            return .failure(Self.wrongCount(subscribes ? "Subscribe" : "Unsubscribe"))
        }
        var writer = ByteWriter(capacity: 16 << 10)
        writer.append("[")
        for (index, pair) in arguments[0].elements.enumerated() {
            if index > 0 { writer.append(",") }
            let entity = pair.member("EntityId")?.string ?? ""
            let event = (pair.member("EventName")?.string ?? "").lowercased()
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
        return .success(String(decoding: writer.bytes, as: UTF8.self))
    }

    private func unsubscribeAll() -> Result<String, EnreachSubscriptionError> {
        subscriptions = []
        return .success("true")
    }

    private func available(_ count: Int) -> Result<String, EnreachSubscriptionError> {
        guard let simulator, count == simulator.argumentsOfAvailable else {
            return .failure(Self.wrongCount("AvailableSubscriptions"))
        }
        return .success("[" + simulator.offered.map { "\"\($0)\"" }.joined(separator: ",") + "]")
    }
}
