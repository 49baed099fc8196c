import BridgeCore
import NIOCore
import Transport

/// The keys of a sink with `type: socket`.
package struct SocketSinkConfiguration: SinkTypeConfiguration {
    package static let type = "socket"

    package enum Direction: Sendable {
        case listen(SocketListeningSink.Options)
        case connect(SocketConnectingSink.Options)
    }

    package let direction: Direction

    package var exclusiveResource: String? {
        if case .listen(let options) = direction { "'\(options.place)'" } else { nil }
    }

    package init?(_ section: ConfigurationSection) {
        let keys = section.keys
        guard keys.contains("listen") != keys.contains("connect") else {
            for key in Self.ofListener + Self.ofClient + ["listen", "connect", "tls"] { _ = section.value(key) }
            section.report(
                "a socket needs exactly one of listen, connect", at: section.mark,
                hint: "write listen: unix:///PATH, listen: PORT, or connect: HOST:PORT")
            return nil
        }
        let isListener = keys.contains("listen")
        for key in isListener ? Self.ofClient : Self.ofListener {
            section.refuse(
                key, "'\(key)' has no meaning with '\(isListener ? "listen" : "connect")'", hint: "remove it")
        }
        let tls = section.tls("tls")
        if isListener {
            guard let options = Self.listener(section, tls) else { return nil }
            direction = .listen(options)
        } else {
            guard let options = Self.client(section, tls) else { return nil }
            direction = .connect(options)
        }
    }

    private static let ofListener = ["mode", "token", "readers", "buffer"]
    private static let ofClient = ["timeout"]

    private static func listener(_ section: ConfigurationSection, _ tls: TLSSettings?) -> SocketListeningSink.Options? {
        let place = section.listenPlace("listen")
        let mode = mode(section)
        let token = token(section)
        let readers = section.integer("readers", in: 1...10_000)
        let buffer = section.size("buffer", in: 64 << 10...64 << 20)
        if let tls, tls.identity == nil || tls.ca != nil || tls.serverName != nil || tls.verification != .full {
            section.report(
                "'tls' of a listener needs cert and key, and nothing else", at: section.mark(of: "tls"),
                hint: "write tls: { cert: PATH, key: PATH }")
        }
        guard let place else { return nil }
        checkTLS(section, place)
        if !place.isUnix, section.keys.contains("mode") {
            section.report("'mode' is for the file of a unix socket", at: section.mark(of: "mode"), hint: "remove it")
        }
        if !place.isLocal, !section.keys.contains("token") {
            section.report(
                "'listen' beyond this machine without a token: anybody could read the calls",
                at: section.mark(of: "listen"), hint: "add token: { credential: NAME }, or listen on 127.0.0.1")
        }
        var options = SocketListeningSink.Options(place)
        if let mode { options.mode = mode }
        options.token = token
        options.identity = tls?.identity.map { TLSIdentity($0) }
        if let readers { options.readers = readers }
        if let buffer { options.bufferBytes = buffer }
        return options
    }

    private static func client(_ section: ConfigurationSection, _ tls: TLSSettings?) -> SocketConnectingSink.Options? {
        let place = section.connectPlace("connect")
        let timeout = section.duration("timeout", in: .milliseconds(100)...(.seconds(86_400)))
        guard let place else { return nil }
        checkTLS(section, place)
        var options = SocketConnectingSink.Options(place, tls: tls.map { TLSClientConfiguration($0) })
        if let timeout { options.timeout = TimeAmount(timeout) }
        return options
    }

    private static func checkTLS(_ section: ConfigurationSection, _ place: SocketPlace) {
        guard place.isUnix, section.keys.contains("tls") else { return }
        section.report("a unix socket speaks no TLS", at: section.mark(of: "tls"), hint: "remove 'tls'")
    }

    private enum Mode: String, CaseIterable {
        case owner = "0600"
        case group = "0660"
    }

    private static func mode(_ section: ConfigurationSection) -> UInt32? {
        section.enumeration("mode", Mode.self).map { $0 == .owner ? 0o600 : 0o660 }
    }

    private static func token(_ section: ConfigurationSection) -> Secret? {
        guard let token = section.lineSecret("token") else { return nil }
        guard token.bytes.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "&") }),
            token.bytes.count <= 512
        else {
            section.report(
                "the secret of 'token' is no token", at: section.valueMark(of: "token"),
                hint: "at most 512 visible ASCII characters without blanks and '&'")
            return nil
        }
        return token
    }
}

extension SocketSinkConfiguration {
    package func makeSink(_ context: SinkContext) throws -> any Sink {
        switch direction {
        case .listen(let options): SocketListeningSink(options, context: context)
        case .connect(let options): SocketConnectingSink(options, context: context)
        }
    }
}
