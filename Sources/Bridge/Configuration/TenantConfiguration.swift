import BridgeCore

/// One configuration file, read and found without mistakes.
package struct TenantConfiguration: Sendable {
    /// Names the store and the metrics label.
    package let tenant: String
    /// At least one; names are unique.
    package let sources: [SourceConfiguration]
    /// At least one; names are unique.
    package let sinks: [SinkConfiguration]
    package let store: StoreSettings
    /// Nil: nothing listens.
    package let admin: AdminConfiguration?
    package let log: LogConfiguration
    package let places: Places

    package init(
        tenant: String, sources: [SourceConfiguration], sinks: [SinkConfiguration], store: StoreSettings,
        admin: AdminConfiguration? = nil, log: LogConfiguration = LogConfiguration(), places: Places
    ) {
        (self.tenant, self.sources, self.sinks) = (tenant, sources, sinks)
        (self.store, self.admin, self.log, self.places) = (store, admin, log, places)
    }
}

package struct StoreSettings: Sendable, Equatable {
    /// Absolute.
    package let path: String
    /// The age at which events may go.
    package let retention: Duration
    /// The bytes of the store at which events go earlier.
    package let maximumBytes: Int

    package init(path: String, retention: Duration = .seconds(30 * 86_400), maximumBytes: Int = 2 << 30) {
        (self.path, self.retention, self.maximumBytes) = (path, retention, maximumBytes)
    }
}

package struct LogConfiguration: Sendable, Equatable {
    /// The levels of swift-log, by its names.
    package enum Level: String, Sendable, CaseIterable {
        case trace, debug, info, notice, warning, error, critical
    }

    package enum Format: String, Sendable, CaseIterable {
        case text, json
    }

    package let level: Level
    /// Nil: text for a terminal, text with priorities under systemd.
    package let format: Format?

    package init(level: Level = .info, format: Format? = nil) { (self.level, self.format) = (level, format) }
}
