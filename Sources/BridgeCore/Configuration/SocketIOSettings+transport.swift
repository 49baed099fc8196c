import Codecs
import Transport
import WireProtocols

extension SocketIOConnectionConfiguration {
    /// What the configuration says, in the terms of Transport.
    package init(_ settings: SocketIOSettings, proxy: ProxySettings?, messageBytes: Int, depth: Int) {
        self.init(
            endpoint: EndpointConfiguration(
                host: settings.host, port: settings.port, tls: settings.tls.map { TLSClientConfiguration($0) },
                proxy: proxy.map { ProxyConfiguration($0) }))
        (path, namespace) = (settings.path, settings.namespace)
        query = settings.query.map { (name: $0.name, value: $0.value.text) }
        for field in settings.headers { headers.add(field.name, field.value.text) }
        var members = settings.auth
        if let token = settings.token {
            query.append((name: "token", value: token.text))
            if !members.contains(where: { $0.name == "token" }) { members.append(.init("token", token)) }
        }
        if !members.isEmpty { auth = Self.object(members) }
        switch settings.version {
        case .auto: policy = .auto
        case .eio3: policy = .eio3
        case .eio4: policy = .eio4
        }
        (limits.messageBytes, limits.depth) = (messageBytes, depth)
    }

    private static func object(_ members: [SocketIOSettings.Field]) -> [UInt8] {
        var writer = ByteWriter(capacity: 256)
        writer.append("{")
        for (index, member) in members.enumerated() {
            if index > 0 { writer.append(",") }
            writer.append(jsonString: member.name)
            writer.append(":")
            writer.append(jsonString: member.value.text)
        }
        writer.append("}")
        return writer.bytes
    }
}

extension Secret {
    fileprivate var text: String { String(decoding: bytes, as: UTF8.self) }
}

extension Reconnection {
    /// A connect loop that starts at a second, forgets its waits only after a connection stood for half a minute, and is slow
    /// where it was refused: a wrong token or version does not go away by itself.
    package static var socketIO: Reconnection {
        Reconnection(
            backoff: Backoff(
                initial: .seconds(1), maximum: .seconds(60), refusal: .seconds(30), maximumRefusal: .seconds(600)),
            healthyAfter: .seconds(30))
    }
}

extension VendorLineEmission {
    package init(_ emission: SocketIOEmission) {
        switch emission {
        case .sent: self = .sent
        case .awaits(let number): self = .awaits(acknowledgement: number)
        case .notConnected: self = .notConnected
        case .tooManyUnacknowledged:
            self = .refused(reason: "too many messages before it are not acknowledged yet")
        case .tooLarge: self = .refused(reason: "larger than a message may be")
        }
    }
}
