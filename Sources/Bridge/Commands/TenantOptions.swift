import ArgumentParser
import BridgeCore
import Glibc

/// Which tenant a command is about.
struct TenantOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The tenant's configuration file.", valueName: "file"))
    var config: String?

    @Option(help: ArgumentHelp("The tenant, under the service's directories.", valueName: "name"))
    var tenant: String?

    func validate() throws {
        guard (config == nil) != (tenant == nil) else { throw ValidationError("Give one of --config and --tenant.") }
    }

    /// Where the store is and where the service answers.
    func find() throws -> (store: String, control: String) {
        if let config {
            let configuration = try Configurations.load([config])[0]
            return (configuration.store.path, configuration.places.control)
        }
        return Self.ofService(tenant ?? "")
    }

    /// Under the service's directories, where it has been there; else under the user's.
    static func ofService(_ name: String) -> (store: String, control: String) {
        let state = "/var/lib/cti-bridge/\(name)"
        if access("\(state)/\(name).sqlite", F_OK) == 0 {
            return ("\(state)/\(name).sqlite", "/run/cti-bridge/\(name)/control.sock")
        }
        let places = Places(tenant: name, environment: Configurations.environment)
        return (places.store, places.control)
    }
}
