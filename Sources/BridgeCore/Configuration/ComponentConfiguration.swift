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
    /// True where the sink takes lines as they are stored and brings them into the configured format itself.
    var formatsLines: Bool { get }
    /// The source of its own vendor over whose connection it speaks; nil: over none.
    var viaSource: String? { get }
    /// True where readers get its lines from the admin listener, which then has to be there.
    static var isServedByAdmin: Bool { get }
    /// Reads the type's keys of a sink. Nil only after a report. The common keys are read already; the caller finishes the
    /// section.
    init?(_ section: ConfigurationSection)
}

extension SinkTypeConfiguration {
    package var exclusiveResource: String? { nil }
    package var formatsLines: Bool { false }
    package var viaSource: String? { nil }
    package static var isServedByAdmin: Bool { false }
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
