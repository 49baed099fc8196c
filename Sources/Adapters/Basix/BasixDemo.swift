import BridgeCore

extension BasixConfiguration {
    package static func makeDemo() -> any VendorDemo {
        let settings = BasixSimulator.Settings()
        return SimulatorDemo {
            try BasixSimulator(settings, .traffic(callsPerSecond: 1, speed: 10, seed: $0), eventLoop: $1)
        } configuration: {
            BasixConfiguration(
                host: settings.host, port: $0, domain: settings.domain, token: Secret(settings.token),
                appName: "cti-bridge-demo")
        }
    }
}
