import BridgeCore
import CallModel

extension XCALLYConfiguration {
    package func profile(of source: SourceConfiguration) -> SourceProfile {
        var profile = SourceProfile(
            vendor: Self.vendor, name: source.name, tenant: source.tenant, lifecycle: source.lifecycle)
        Self.complete(&profile)
        (profile.transferGrace, profile.ringTimeout) = (transferGrace, ringLimit)
        return profile
    }

    /// No times, no ids, no state dump, and no word of a phone that stopped ringing.
    static func complete(_ profile: inout SourceProfile) {
        profile.countsFacts = true
        profile.closesOtherRings = true
        profile.ringsAgainAfter = .seconds(2)
        profile.transferGrace = usualTransferGrace
        profile.ringTimeout = usualRingLimit
    }

    package func makeSource(_ source: SourceConfiguration, context: any SourceContext) -> any Source {
        switch link {
        case .connect(let settings):
            XCALLYSource(
                name: source.name, configuration: self, settings: settings, raw: source.raw, proxy: source.proxy,
                context: context)
        case .listen(let listener):
            XCALLYListenerSource(
                name: source.name, configuration: self, listener: listener, raw: source.raw, context: context)
        }
    }

    package static func makeReplayer(name: String, raw: RawPolicy) -> any MessageReplayer {
        XCALLYReplayer(raw: raw)
    }
}
