import BridgeCore

/// The types of sinks: one line each.
package enum SinkRegistry {
    package static let sinks: [any SinkTypeConfiguration.Type] = [
        StdoutSinkConfiguration.self,
        FileSinkConfiguration.self,
        WebhookSinkConfiguration.self,
        RedisSinkConfiguration.self,
        ExecSinkConfiguration.self,
        XCALLYSinkConfiguration.self,
    ]

    /// Part of the design, refused by name until they are built.
    package static let planned = ["socket", "feed"]

    /// The words that `type:` takes.
    package static var types: [String] { sinks.map { $0.type } }

    package static func sink(_ type: String) -> (any SinkTypeConfiguration.Type)? {
        sinks.first { $0.type == type }
    }
}
