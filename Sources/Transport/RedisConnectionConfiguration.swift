import NIOCore
import WireProtocols

/// Everything a connection to Redis needs to come up.
package struct RedisConnectionConfiguration: Sendable {
    package var endpoint: RedisEndpoint
    package var credentials: RedisCredentials?
    /// Shown by `CLIENT LIST` on the server.
    package var clientName = "cti-bridge"
    /// Knows what the server calls its commands.
    package var writer: RESPCommandWriter
    package var limits = RESPLimits()
    package var handshakeTimeout = TimeAmount.seconds(5)

    package init(
        endpoint: RedisEndpoint, credentials: RedisCredentials? = nil, writer: RESPCommandWriter = RESPCommandWriter()
    ) {
        (self.endpoint, self.credentials, self.writer) = (endpoint, credentials, writer)
    }
}
