import BridgeCore
import CallModel

extension BasixConfiguration {
    package func profile(of source: SourceConfiguration) -> SourceProfile {
        var profile = SourceProfile(
            vendor: Self.vendor, name: source.name, tenant: source.tenant, lifecycle: source.lifecycle)
        Self.complete(&profile)
        return profile
    }

    /// Every connect begins with a dump of the state.
    static func complete(_ profile: inout SourceProfile) {
        profile.recoverable = .snapshot
        profile.presenceIsState = true
        profile.keepsLegs = true
    }

    package func makeSource(_ source: SourceConfiguration, context: any SourceContext) -> any Source {
        BasixSource(name: source.name, configuration: self, raw: source.raw, proxy: source.proxy, context: context)
    }

    package static func makeReplayer(name: String, raw: RawPolicy) -> any MessageReplayer {
        BasixReplayer(name: name, raw: raw)
    }

    /// Which calls the server shows. Calls that another scope does not show have not ended by that.
    var scope: String {
        let watched = watch.map { "\($0.by.rawValue)=\($0.value)" } ?? ""
        return "\(host):\(port)\(path) \(domain) full_events=\(hasFullEvents) \(watched)"
    }
}
