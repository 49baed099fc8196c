import BridgeCore
import Sinks

/// The section `admin`: an HTTP listener for those who watch the service and read its feeds.
package struct AdminConfiguration: Sendable {
    /// What a token opens, where it does not open everything. Every list that is not empty limits it.
    package struct Scope: Sendable, Equatable {
        /// Names of sinks with `type: feed`; empty: all of them.
        package var feeds: [String]
        /// What a line has to name.
        package var lines: LineCriteria

        package init(feeds: [String] = [], lines: LineCriteria = LineCriteria()) {
            (self.feeds, self.lines) = (feeds, lines)
        }

        func opens(feed: String) -> Bool { feeds.isEmpty || feeds.contains(feed) }
    }

    package struct Token: Sendable {
        /// For the log.
        package var name: String
        package var secret: SecretReference
        /// Nil: everything.
        package var scope: Scope?

        package init(name: String, secret: SecretReference, scope: Scope? = nil) {
            (self.name, self.secret, self.scope) = (name, secret, scope)
        }
    }

    package var listen: ListenAddress
    /// Our certificate; nil: in the clear.
    package var identity: TLSSettings.Identity?
    package var tokens: [Token]
    /// Pages of which browsers may read us: `https://HOST[:PORT]`, or `*`.
    package var origins: [String]
    /// Readers of feeds at once.
    package var maximumReaders: Int

    package init(
        listen: ListenAddress, identity: TLSSettings.Identity? = nil, tokens: [Token] = [], origins: [String] = [],
        maximumReaders: Int = 1000
    ) {
        (self.listen, self.identity, self.tokens) = (listen, identity, tokens)
        (self.origins, self.maximumReaders) = (origins, maximumReaders)
    }

    func opens(feed: String) -> Bool { tokens.contains { $0.scope?.opens(feed: feed) ?? true } }
}
