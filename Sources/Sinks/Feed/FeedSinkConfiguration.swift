import BridgeCore

/// The keys of a sink with `type: feed`: none but the common ones. Who may read it is said in `admin`.
package struct FeedSinkConfiguration: SinkTypeConfiguration {
    package static let type = "feed"

    package static var isServedByAdmin: Bool { true }

    package init() {}

    package init?(_ section: ConfigurationSection) {}

    package func makeSink(_ context: SinkContext) throws -> any Sink { FeedSink(context) }
}
