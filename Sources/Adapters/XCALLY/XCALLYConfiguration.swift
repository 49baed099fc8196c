import BridgeCore
import CallModel
import Codecs
import WireProtocols

/// The keys of a source with `vendor: xcally`.
package struct XCALLYConfiguration: AdapterConfiguration {
    package static let vendor = "xcally"

    /// Where events come from.
    package enum Link: Sendable {
        /// We connect to the Shuttle.
        case connect(SocketIOSettings)
        /// A script of the Shuttle connects to us.
        case listen(XCALLYListener)
    }

    package let link: Link
    package let maximumMessageBytes: Int
    package let maximumDepth: Int
    /// How long a transferred call waits for its next queue.
    package let transferGrace: Duration
    /// Silence after which a call that rings is given up.
    package let ringLimit: Duration

    package static let usualTransferGrace = Duration.seconds(5)
    package static let usualRingLimit = Duration.seconds(15 * 60)

    /// What a file with nothing but the required keys means, where no other value is given.
    package init(
        _ link: Link, maximumMessageBytes: Int = 1 << 20, maximumDepth: Int = 16,
        transferGrace: Duration = Self.usualTransferGrace, ringLimit: Duration = Self.usualRingLimit
    ) {
        self.link = link
        (self.maximumMessageBytes, self.maximumDepth) = (maximumMessageBytes, maximumDepth)
        (self.transferGrace, self.ringLimit) = (transferGrace, ringLimit)
    }

    package init?(_ section: ConfigurationSection) {
        let link: Link?
        if section.keys.contains("listen") {
            if section.keys.contains("url") {
                section.report(
                    "'url' and 'listen' exclude each other: either we connect to the Shuttle, or its script to us",
                    at: section.mark(of: "url"), hint: "remove one of them")
                _ = SocketIOSettings(section)
            }
            link = XCALLYListener(section).map { .listen($0) }
        } else {
            link = SocketIOSettings(section).map { .connect($0) }
        }
        let limits = section.section("limits")
        maximumMessageBytes = limits?.size("message_bytes", in: 16 << 10...64 << 20) ?? 1 << 20
        maximumDepth = limits?.integer("depth", in: 4...64) ?? 16
        limits?.finish()
        transferGrace =
            section.duration("transfer_grace", in: .milliseconds(100)...(.seconds(3600))) ?? Self.usualTransferGrace
        ringLimit = section.duration("ring_limit", in: .seconds(10)...(.seconds(86_400))) ?? Self.usualRingLimit
        guard let link else { return nil }
        self.link = link
    }

    package var offersLine: Bool {
        switch link {
        case .connect: true
        case .listen: false
        }
    }

    var jsonLimits: JSONLimits { JSONLimits(bytes: maximumMessageBytes, depth: maximumDepth) }
}

/// Where a script of the Shuttle connects to us: the keys of the server mode.
package struct XCALLYListener: Sendable, Equatable {
    package let host: String
    package let port: Int
    package let path: String
    /// What scripts have to give; nil only on loopback.
    package let token: Secret?
    /// Our certificate; nil: in the clear.
    package let identity: TLSSettings.Identity?

    package init(
        host: String = "127.0.0.1", port: Int, path: String = SocketIOSettings.usualPath, token: Secret? = nil,
        identity: TLSSettings.Identity? = nil
    ) {
        (self.host, self.port, self.path, self.token, self.identity) = (host, port, path, token, identity)
    }

    /// Nil only after a report.
    init?(_ section: ConfigurationSection) {
        let address = section.listenAddress("listen")
        path = SocketIOSettings.path(section)
        token = Self.token(section)
        identity = section.listenerIdentity("tls")
        guard let address else { return nil }
        (host, port) = (address.host, address.port)
        if !address.isLoopback, !section.keys.contains("token") {
            section.report(
                "'listen' beyond this machine without a token: anybody could tell us of calls",
                at: section.mark(of: "listen"),
                hint: "add token: { credential: NAME }, or write listen: 127.0.0.1:\(port)")
        }
    }

    private static func token(_ section: ConfigurationSection) -> Secret? {
        guard let token = section.lineSecret("token") else { return nil }
        guard HTTPCredentials.bearer(token.bytes) != nil else {
            section.report(
                "the secret of 'token' is no token", at: section.valueMark(of: "token"),
                hint: "visible ASCII without blanks: scripts send it in a URL or as Authorization: Bearer")
            return nil
        }
        return token
    }

    /// What a client has to show; nil: nothing. Throws where a token is none, rather than let everybody in.
    static func credentials(_ token: [UInt8]?) throws -> HTTPCredentials? {
        guard let token else { return nil }
        guard let credentials = HTTPCredentials.bearer(token) else {
            throw XCALLYListenerError(description: "the token is none: it takes visible ASCII without blanks")
        }
        return credentials
    }
}

/// Why nobody can be let in.
struct XCALLYListenerError: Error, CustomStringConvertible {
    let description: String
}
