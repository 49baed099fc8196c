import BridgeCore
import CallModel

/// What the factory makes.
enum EnreachSourceMaker {
    static func make(
        name: String, configuration: EnreachConfiguration, raw: RawPolicy, proxy: ProxySettings?,
        context: any SourceContext
    ) -> any Source {
        EnreachSource(name: name, configuration: configuration, raw: raw, proxy: proxy, context: context)
    }

    static func makeDemo() -> any VendorDemo { EnreachDemo() }
}
