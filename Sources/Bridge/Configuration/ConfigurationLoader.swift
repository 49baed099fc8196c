import BridgeCore

/// Reads configuration files.
package enum ConfigurationLoader {
    /// The largest file that is read.
    package static let maximumBytes = 1 << 20

    /// What came of one file: a configuration, or the mistakes; never both, never neither.
    package enum Outcome: Sendable {
        case loaded(TenantConfiguration)
        /// At least one, sorted by place.
        case mistaken([ConfigurationDiagnostic])

        package var configuration: TenantConfiguration? {
            if case .loaded(let configuration) = self { configuration } else { nil }
        }

        package var diagnostics: [ConfigurationDiagnostic] {
            if case .mistaken(let diagnostics) = self { diagnostics } else { [] }
        }
    }

    /// Reads the file at `path`, and the secrets that it names.
    ///
    /// - Parameters:
    ///   - environment: the variables that secrets may name, and the directories given by systemd or XDG.
    ///   - kinds: every kind of CallEvent, which `events:` of sinks choose from.
    package static func load(path: String, environment: [String: String], kinds: [String]) -> Outcome {
        do {
            let file = try SmallFile(path: path, limit: maximumBytes)
            return load(bytes: file.bytes, file: path, environment: environment, kinds: kinds)
        } catch {
            let start = ConfigurationMark(line: 1, column: 1)
            return .mistaken([
                ConfigurationDiagnostic(file: path, mark: start, cause: "the file cannot be read: \(error)")
            ])
        }
    }

    /// Reads `bytes` as the content of `file`, which is only a name for messages.
    package static func load(
        bytes: [UInt8], file: String, environment: [String: String], kinds: [String]
    ) -> Outcome {
        // Syntax needs no places, and the places need the name of the tenant.
        let syntax = ConfigurationReading(
            file: file, environment: environment, places: Places(tenant: "default", environment: environment))
        let root = YAMLDocument.root(
            of: bytes, limits: YAMLDocument.Limits(bytes: maximumBytes), reading: syntax)
        guard let root else { return .mistaken(syntax.diagnostics) }
        let tenant = TenantReader.tenant(in: root) ?? "default"
        let reading = ConfigurationReading(
            file: file, environment: environment, places: Places(tenant: tenant, environment: environment),
            continuing: syntax)
        let configuration = TenantReader(reading: reading, kinds: kinds).read(root)
        let diagnostics = reading.diagnostics
        if let configuration, diagnostics.isEmpty { return .loaded(configuration) }
        return .mistaken(diagnostics)
    }
}
