import BridgeCore
import CallModel
import Sinks

/// The keys that every sink has.
extension TenantReader {
    func sink(
        _ section: ConfigurationSection, sourceNames: Set<String>, names: inout [String: ConfigurationMark]
    ) -> SinkConfiguration? {
        let name = uniqueName(section, names: &names)
        let type = section.scalar("type", expected: "a type of sink", required: true)
        let isEnabled = section.boolean("enabled") ?? true
        let chosen = kinds(section)
        let sources = sources(section, sourceNames: sourceNames).map(Set.init)
        let wanted = criteria(section)
        let except = except(section, sourceNames: sourceNames)
        let delivery = delivery(section)
        let mask = section.section("mask").flatMap(Self.mask)
        let format = format(section)
        guard let type else { return nil }
        guard let sink = SinkRegistry.sink(type.text) else {
            refuse(type, word: "type", available: SinkRegistry.types, in: section)
            return nil
        }
        let destination = sink.init(section)
        section.finish()
        guard let name, let destination else { return nil }
        return SinkConfiguration(
            name: name, isEnabled: isEnabled, kinds: chosen == Set(kinds) ? nil : chosen, sources: sources,
            wanted: wanted, except: except, delivery: delivery,
            transform: LineTransform(mask: mask, format: destination.formatsLines ? .json : format),
            destination: destination)
    }

    // MARK: - Which lines

    private func kinds(_ section: ConfigurationSection) -> Set<String>? {
        section.scalars("events", ifEmpty: "remove it for all kinds").map { globs in
            Set(globs.flatMap { matches(of: $0, in: section) })
        }
    }

    func sources(_ section: ConfigurationSection, sourceNames: Set<String>) -> [String]? {
        section.scalars("sources", ifEmpty: "remove it for all sources").map { names in
            names.compactMap { sourceName($0, among: sourceNames, in: section) }
        }
    }

    /// Kinds and sources have their own lists.
    private func criteria(_ section: ConfigurationSection) -> LineCriteria {
        LineCriteria(
            queues: section.scalars("queues", ifEmpty: "remove it for all queues")?.map(\.text) ?? [],
            agents: section.scalars("agents", ifEmpty: "remove it for all agents")?.map(\.text) ?? [],
            directions: section.enumerations("directions", Direction.self, ifEmpty: "remove it for all directions")?
                .map(\.rawValue) ?? [],
            origins: section.enumerations("origins", Origin.self, ifEmpty: "remove it for all origins")?
                .map(\.rawValue) ?? [])
    }

    private func except(_ section: ConfigurationSection, sourceNames: Set<String>) -> LineCriteria {
        guard let section = section.section("except") else { return LineCriteria() }
        var criteria = criteria(section)
        criteria.kinds = kinds(section).map { $0.sorted() } ?? []
        criteria.sources = sources(section, sourceNames: sourceNames) ?? []
        section.finish()
        return criteria
    }

    /// The kinds that a glob chooses; one that chooses none is a mistake.
    private func matches(of glob: ConfigurationSection.Scalar, in section: ConfigurationSection) -> [String] {
        let chosen = kinds.filter { KindGlob.matches($0, glob: glob.text) }
        if chosen.isEmpty {
            section.report(
                "\(ConfigurationDiagnostic.quoted(glob.text)) matches no kind of event", at: glob.mark,
                hint: KindGlob.suggestion(for: glob.text, among: kinds).map { "did you mean '\($0)'?" })
        }
        return chosen
    }

    private func sourceName(
        _ scalar: ConfigurationSection.Scalar, among names: Set<String>, in section: ConfigurationSection
    ) -> String? {
        if names.contains(scalar.text) { return scalar.text }
        section.report(
            "there is no source \(ConfigurationDiagnostic.quoted(scalar.text))", at: scalar.mark,
            hint: Suggestion.hint(for: scalar.text, among: names.sorted()))
        return nil
    }

    // MARK: - How

    private func delivery(_ section: ConfigurationSection) -> SinkConfiguration.Delivery {
        var delivery = SinkConfiguration.Delivery()
        delivery.maximumAge = limit("max_age", section, in: .seconds(1)...(.seconds(30 * 86_400)))
        delivery.rate = section.integer("rate", in: 1...100_000)
        if let retry = section.section("retry") {
            delivery.initialWait = retry.duration("initial", in: .milliseconds(10)...(.seconds(3600)))
            delivery.maximumWait = retry.duration("maximum", in: .milliseconds(100)...(.seconds(86_400)))
            delivery.budget = limit("budget", retry, in: .seconds(1)...(.seconds(365 * 86_400)))
            retry.finish()
            if let initial = delivery.initialWait, let maximum = delivery.maximumWait, initial > maximum {
                retry.report(
                    "'initial' is longer than 'maximum'", at: retry.valueMark(of: "initial"),
                    hint: "waits grow from 'initial' to 'maximum'")
            }
        }
        return delivery
    }

    /// A duration, or `none`.
    private func limit(
        _ key: String, _ section: ConfigurationSection, in range: ClosedRange<Duration>
    ) -> SinkConfiguration.Delivery.Limit? {
        if let node = section.value(key), case .scalar("none", _) = node.content {
            return SinkConfiguration.Delivery.Limit.none
        }
        return section.duration(key, in: range).map { .of($0) }
    }

    // MARK: - In what form

    private enum Format: String, CaseIterable { case json, cloudevents }

    private func format(_ section: ConfigurationSection) -> LineFormat {
        let format = section.enumeration("format", Format.self) ?? .json
        let prefix = section.string("type_prefix", matching: Self.prefixPattern)
        guard format == .cloudevents else {
            if prefix != nil {
                section.report(
                    "'type_prefix' has no meaning without 'format: cloudevents'", at: section.mark(of: "type_prefix"),
                    hint: "add format: cloudevents, or remove it")
            }
            return .json
        }
        return .cloudEvents(typePrefix: prefix ?? CloudEvent.usualTypePrefix)
    }

    private static let prefixPattern = TextPattern("a reverse DNS name with a dot at its end, such as com.example.") {
        $0.hasSuffix(".") && $0.utf8.count <= 128 && !$0.hasPrefix(".")
            && $0.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || ".-_".contains($0)) }
    }

    private enum MaskMethod: String, CaseIterable { case drop, last4, hmac }

    private static func mask(_ section: ConfigurationSection) -> LineMask? {
        let keys = ["numbers", "names", "contacts"]
        let methods = keys.map { section.enumeration($0, MaskMethod.self) }
        let secret = section.secret("secret")
        section.finish()
        guard keys.contains(where: section.keys.contains) else {
            section.report(
                "'mask' hides nothing", at: section.mark, hint: "write mask: { numbers: last4, names: drop }")
            return nil
        }
        let needsSecret = methods.contains(.hmac)
        if needsSecret, !section.keys.contains("secret") {
            section.report(
                "'hmac' needs a secret", at: section.mark, hint: "add secret: { credential: NAME } to 'mask'")
        } else if !needsSecret, secret != nil {
            section.report("'secret' has no meaning without 'hmac'", at: section.mark(of: "secret"), hint: "remove it")
        }
        let made = methods.map { method -> LineMask.Method? in
            switch method {
            case nil: nil
            case .drop: .drop
            case .last4: .last4
            case .hmac: secret.map { .hmac($0) }
            }
        }
        return LineMask(numbers: made[0], names: made[1], contacts: made[2])
    }
}
