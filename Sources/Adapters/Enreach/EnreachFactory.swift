import BridgeCore
import CallModel
import Codecs

extension EnreachConfiguration {
    package func profile(of source: SourceConfiguration) -> SourceProfile {
        var profile = SourceProfile(
            vendor: Self.vendor, name: source.name, tenant: source.tenant, lifecycle: source.lifecycle)
        Self.complete(&profile)
        return profile
    }

    /// Neither times nor ids of messages, and nothing comes back after a gap: what REST tells of it is no state of now.
    static func complete(_ profile: inout SourceProfile) {
        profile.recoverable = .none
        profile.countsFacts = true
    }

    package func makeSource(_ source: SourceConfiguration, context: any SourceContext) -> any Source {
        EnreachSource(
            name: source.name, configuration: self, raw: source.raw, proxy: source.proxy, context: context)
    }

    package static func makeReplayer(name: String, raw: RawPolicy) -> any MessageReplayer { EnreachReplayer(raw: raw) }
}
