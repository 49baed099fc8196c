import BridgeCore

/// The vendors: one line each.
package enum AdapterRegistry {
    package static let adapters: [any AdapterConfiguration.Type] = [
        TeleforgeConfiguration.self, EnreachConfiguration.self, BasixConfiguration.self,
    ]

    /// Part of the design, refused by name until they are built.
    package static let planned = ["xcally"]

    /// The words that `vendor:` takes.
    package static var vendors: [String] { adapters.map { $0.vendor } }

    package static func adapter(_ vendor: String) -> (any AdapterConfiguration.Type)? {
        adapters.first { $0.vendor == vendor }
    }
}
