import BridgeCore

/// The keys of a sink with `type: stdout`: none but the common ones.
package struct StdoutSinkConfiguration: SinkTypeConfiguration, SimpleSinkFactory {
    package static let type = "stdout"

    package var exclusiveResource: String? { "stdout" }

    package init() {}

    package init?(_ section: ConfigurationSection) {}
}
