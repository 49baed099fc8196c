import CallModel

/// The part of a source's configuration that its vendor defines. One type per adapter, listed in `AdapterRegistry`.
package protocol AdapterConfiguration: SourceFactory {
    /// The word behind `vendor:`.
    static var vendor: String { get }
    /// Its sources take messages from sinks: they offer a `VendorLine`.
    var offersLine: Bool { get }
    /// Reads the vendor's keys of a source. Nil only after a report. The common keys are read already; the caller finishes
    /// the section.
    init?(_ section: ConfigurationSection)
}

extension AdapterConfiguration {
    package var offersLine: Bool { false }
}

/// The part of a sink's configuration that its type defines. One type per sink, listed in `SinkRegistry`.
package protocol SinkTypeConfiguration: SinkFactory {
    /// The word behind `type:`.
    static var type: String { get }
    /// What this sink must have for itself, named for people: two enabled sinks with the same would spoil each other's lines.
    var exclusiveResource: String? { get }
    /// The source of its own vendor over whose connection it speaks; nil: over none.
    var viaSource: String? { get }
    /// Reads the type's keys of a sink. Nil only after a report. The common keys are read already; the caller finishes the
    /// section.
    init?(_ section: ConfigurationSection)
}

extension SinkTypeConfiguration {
    package var exclusiveResource: String? { nil }
    package var viaSource: String? { nil }
}

/// One entry of `sources:`.
package struct SourceConfiguration: Sendable {
    /// Unique in the tenant; part of every event id.
    package let name: String
    package let isEnabled: Bool
    /// The `tenant` of the source's events where the vendor names none: `tenant:` of the source, else that of the file.
    package let tenant: String
    package let lifecycle: SourceProfile.Lifecycle
    package let raw: RawPolicy
    package let proxy: ProxySettings?
    package let adapter: any AdapterConfiguration

    package init(
        name: String, isEnabled: Bool, tenant: String, lifecycle: SourceProfile.Lifecycle, raw: RawPolicy,
        proxy: ProxySettings? = nil, adapter: any AdapterConfiguration
    ) {
        (self.name, self.isEnabled, self.tenant) = (name, isEnabled, tenant)
        (self.lifecycle, self.raw, self.proxy, self.adapter) = (lifecycle, raw, proxy, adapter)
    }

    package var vendor: String { type(of: adapter).vendor }
}

/// One entry of `sinks:`.
package struct SinkConfiguration: Sendable {
    /// Unique in the tenant; its cursor in the store has this name.
    package let name: String
    package let isEnabled: Bool
    /// The kinds to deliver; nil for all of them.
    package let kinds: Set<String>?
    /// Names of the sources to deliver; nil for all of them.
    package let sources: Set<String>?
    package let destination: any SinkTypeConfiguration

    package init(
        name: String, isEnabled: Bool, kinds: Set<String>?, sources: Set<String>?,
        destination: any SinkTypeConfiguration
    ) {
        (self.name, self.isEnabled, self.kinds) = (name, isEnabled, kinds)
        (self.sources, self.destination) = (sources, destination)
    }

    package var type: String { Swift.type(of: destination).type }
}
