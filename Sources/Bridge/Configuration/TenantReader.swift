import Adapters
import BridgeCore
import CallModel
import Sinks

/// The keys of a tenant's file that belong to no vendor and to no type of sink.
struct TenantReader {
    let reading: ConfigurationReading
    /// Every kind of CallEvent.
    let kinds: [String]

    /// The tenant's name, if the file has a usable one; mistakes in it are reported by `read`.
    static func tenant(in root: ConfigurationNode) -> String? {
        guard case .mapping(let entries) = root.content, let entry = entries.first(where: { $0.key == "tenant" }),
            case .scalar(let text, _) = entry.value.content, TextPattern.tenant.matches(text)
        else { return nil }
        return text
    }

    /// Nil only after a report.
    func read(_ root: ConfigurationNode) -> TenantConfiguration? {
        guard let section = ConfigurationSection(root, title: "the file", reading: reading) else { return nil }
        let tenant = section.string("tenant", required: true, matching: .tenant)
        let (sources, sourceNames) = sources(section, tenant: tenant ?? "default")
        let admin = admin(section, sourceNames: sourceNames)
        let sinks = sinks(section, sources: sources, sourceNames: sourceNames, admin: admin)
        let store = store(section.section("store"))
        let log = log(section.section("log"))
        section.finish()
        guard let tenant else { return nil }
        return TenantConfiguration(
            tenant: tenant, sources: sources, sinks: sinks, store: store, admin: admin, log: log, places: reading.places
        )
    }

    private func store(_ section: ConfigurationSection?) -> StoreSettings {
        let path = section?.string("path")
        let retention = section?.duration("retention", in: .seconds(60)...(.seconds(3650 * 86_400)))
        let size = section?.size("max_size", in: 16 << 20...16 << 40)
        section?.finish()
        return StoreSettings(
            path: path.map(reading.places.resolve) ?? reading.places.store,
            retention: retention ?? .seconds(30 * 86_400), maximumBytes: size ?? 2 << 30)
    }

    private func log(_ section: ConfigurationSection?) -> LogConfiguration {
        let level = section?.enumeration("level", LogConfiguration.Level.self)
        let format = section?.enumeration("format", LogConfiguration.Format.self)
        section?.finish()
        return LogConfiguration(level: level ?? .info, format: format)
    }
}

// MARK: - Sources

extension TenantReader {
    /// The sources without mistakes, and the names of all.
    private func sources(_ root: ConfigurationSection, tenant: String) -> ([SourceConfiguration], Set<String>) {
        let sections =
            root.sections("sources", title: "a source", required: true, ifEmpty: "name at least one source") ?? []
        var names: [String: ConfigurationMark] = [:]
        let sources = sections.compactMap { source($0, tenant: tenant, names: &names) }
        return (sources, Set(names.keys))
    }

    private func source(
        _ section: ConfigurationSection, tenant: String, names: inout [String: ConfigurationMark]
    ) -> SourceConfiguration? {
        let name = uniqueName(section, names: &names)
        let vendor = section.scalar("vendor", expected: "a vendor", required: true)
        let isEnabled = section.boolean("enabled") ?? true
        let label = section.string("tenant") ?? tenant
        let lifecycle = section.enumeration("lifecycle", SourceProfile.Lifecycle.self) ?? .strict
        let raw = section.enumeration("raw", RawPolicy.self) ?? .onUnmapped
        let proxy = section.proxy("proxy")
        guard let vendor else { return nil }
        guard let type = AdapterRegistry.adapter(vendor.text) else {
            refuse(
                vendor, word: "vendor", available: AdapterRegistry.vendors, in: section)
            return nil
        }
        let adapter = type.init(section)
        section.finish()
        guard let name, let adapter else { return nil }
        return SourceConfiguration(
            name: name, isEnabled: isEnabled, tenant: label, lifecycle: lifecycle, raw: raw, proxy: proxy,
            adapter: adapter)
    }

    func uniqueName(
        _ section: ConfigurationSection, names: inout [String: ConfigurationMark],
        what: String = "sources, and of sinks,"
    ) -> String? {
        guard let name = section.string("name", required: true, matching: .name) else { return nil }
        let mark = section.valueMark(of: "name")
        guard let first = names[name] else {
            names[name] = mark
            return name
        }
        section.report(
            "the name '\(name)' is taken, by line \(first.line), column \(first.column)", at: mark,
            hint: "names of \(what) are unique in a file")
        return nil
    }

    func refuse(
        _ scalar: ConfigurationSection.Scalar, word: String, available: [String],
        in section: ConfigurationSection
    ) {
        let found = ConfigurationDiagnostic.quoted(scalar.text)
        let list = available.joined(separator: ", ")
        let near = Suggestion.nearest(to: scalar.text, among: available)
        section.report(
            "unknown \(word) \(found); available: \(list)", at: scalar.mark,
            hint: near.map { "did you mean '\($0)'?" })
    }
}

// MARK: - Sinks

extension TenantReader {
    /// The sinks without mistakes; one on stdout when the file names none.
    private func sinks(
        _ root: ConfigurationSection, sources: [SourceConfiguration], sourceNames: Set<String>,
        admin: AdminConfiguration?
    ) -> [SinkConfiguration] {
        let sections = root.sections("sinks", title: "a sink", ifEmpty: "remove it for one sink on stdout")
        guard let sections else {
            return [
                SinkConfiguration(
                    name: "stdout", destination: StdoutSinkConfiguration())
            ]
        }
        var names: [String: ConfigurationMark] = [:]
        var owners: [String: String] = [:]
        return sections.compactMap { section in
            guard let sink = sink(section, sourceNames: sourceNames, names: &names) else { return nil }
            checkLine(of: sink, sources: sources, sourceNames: sourceNames, in: section)
            checkFeed(sink, admin: admin, hasAdmin: root.keys.contains("admin"), in: section)
            if sink.isEnabled, let resource = sink.destination.exclusiveResource,
                let owner = owners.updateValue(sink.name, forKey: resource)
            {
                section.report(
                    "sink '\(sink.name)' writes to \(resource), and so does '\(owner)'",
                    at: section.valueMark(of: "name"),
                    hint: "their lines would mix: give each its own, or make them one")
            }
            return sink
        }
    }

    /// The source over whose connection a sink speaks has to be there, of the same vendor, and to have such a connection.
    private func checkLine(
        of sink: SinkConfiguration, sources: [SourceConfiguration], sourceNames: Set<String>,
        in section: ConfigurationSection
    ) {
        guard let name = sink.destination.viaSource else { return }
        let mark = section.valueMark(of: "via")
        guard let source = sources.first(where: { $0.name == name }) else {
            // A source with mistakes has been reported itself.
            guard !sourceNames.contains(name) else { return }
            return section.report(
                "there is no source \(ConfigurationDiagnostic.quoted(name))", at: mark,
                hint: Suggestion.hint(for: name, among: sourceNames.sorted()))
        }
        guard source.vendor == sink.type, source.adapter.offersLine else {
            return section.report(
                "source '\(name)' has no connection that takes messages of this sink", at: mark,
                hint: "name a source with vendor: \(sink.type) that connects")
        }
        guard source.isEnabled || !sink.isEnabled else {
            return section.report("source '\(name)' is not enabled", at: mark, hint: "enable it, or disable the sink")
        }
    }
}
