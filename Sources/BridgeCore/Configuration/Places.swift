/// Where a tenant's files are when the configuration names no place.
///
/// Under systemd its `STATE_DIRECTORY`, `RUNTIME_DIRECTORY` and `CREDENTIALS_DIRECTORY` (systemd.exec(5)); else the
/// directories of the XDG base directory specification, `cti-bridge/<tenant>` below each.
package struct Places: Sendable, Equatable {
    /// Absolute. `/var/lib/cti-bridge/<tenant>` when the environment names neither a state directory nor a home.
    package let state: String
    /// For what need not outlive a boot: the runtime directory, or the state directory where there is none.
    package let runtime: String
    /// The socket on which the running service answers `status` and takes orders.
    package let control: String
    /// Nil outside systemd.
    package let credentials: String?
    /// The default of `store.path`.
    package let store: String

    package init(tenant: String, environment: [String: String]) {
        state =
            Self.first(of: environment["STATE_DIRECTORY"])
            ?? Self.directory("XDG_STATE_HOME", environment).map { "\($0)/cti-bridge/\(tenant)" }
            ?? Self.directory("HOME", environment).map { "\($0)/.local/state/cti-bridge/\(tenant)" }
            ?? "/var/lib/cti-bridge/\(tenant)"
        runtime =
            Self.first(of: environment["RUNTIME_DIRECTORY"])
            ?? Self.directory("XDG_RUNTIME_DIR", environment).map { "\($0)/cti-bridge/\(tenant)" }
            ?? state
        credentials = Self.directory("CREDENTIALS_DIRECTORY", environment)
        store = "\(state)/\(tenant).sqlite"
        // Several tenants may share a directory, and a path of a socket has 107 bytes.
        control = runtime.hasSuffix("/\(tenant)") ? "\(runtime)/control.sock" : "\(runtime)/\(tenant).sock"
    }

    /// `path` itself if absolute, else below the state directory.
    package func resolve(_ path: String) -> String { path.hasPrefix("/") ? path : "\(state)/\(path)" }

    /// systemd separates several directories by colons; the first is the one of this service.
    private static func first(of list: String?) -> String? {
        let entry = list?.split(separator: ":", omittingEmptySubsequences: true).first.map(String.init)
        return entry.flatMap(absolute)
    }

    private static func directory(_ variable: String, _ environment: [String: String]) -> String? {
        environment[variable].flatMap(absolute)
    }

    /// Both conventions say that a path that is not absolute is to be ignored.
    private static func absolute(_ path: String) -> String? {
        guard path.hasPrefix("/") else { return nil }
        var trimmed = Substring(path)
        while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
        return trimmed == "/" ? nil : String(trimmed)
    }
}
