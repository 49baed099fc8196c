import BridgeCore

/// The types of sinks: one line each.
package enum SinkRegistry {
    package static let sinks: [any SinkTypeConfiguration.Type] = [
        StdoutSinkConfiguration.self,
        FileSinkConfiguration.self,
        WebhookSinkConfiguration.self,
        RedisSinkConfiguration.self,
        ExecSinkConfiguration.self,
        SocketSinkConfiguration.self,
        XCALLYSinkConfiguration.self,
        FeedSinkConfiguration.self,
    ]

    /// The words that `type:` takes.
    package static var types: [String] { sinks.map { $0.type } }

    package static func sink(_ type: String) -> (any SinkTypeConfiguration.Type)? {
        sinks.first { $0.type == type }
    }
}
