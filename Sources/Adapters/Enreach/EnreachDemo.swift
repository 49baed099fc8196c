import BridgeCore
import WireProtocols

extension EnreachConfiguration {
    package static func makeDemo() -> any VendorDemo {
        let settings = EnreachSimulator.Settings()
        return SimulatorDemo {
            try EnreachSimulator(settings, .traffic(callsPerSecond: 1, speed: 10, seed: $0), eventLoop: $1)
        } configuration: {
            guard let url = HTTPURL("http://\(settings.host):\($0)/") else {
                throw ReplayError("the simulated Enreach has no usable address")
            }
            let key = EnreachLogin(
                user: settings.user, credential: .secretKey(Secret(settings.secretKey)), place: .api(url))
            return EnreachConfiguration(access: .login(key))
        }
    }
}
