import BridgeCore

extension XCALLYConfiguration {
    package static func makeDemo() -> any VendorDemo {
        let settings = XCALLYSimulator.Settings()
        return SimulatorDemo {
            try XCALLYSimulator(settings, .traffic(callsPerSecond: 1, speed: 10, seed: $0), eventLoop: $1)
        } configuration: {
            XCALLYConfiguration(.connect(SocketIOSettings(host: settings.host, port: $0)))
        }
    }
}
