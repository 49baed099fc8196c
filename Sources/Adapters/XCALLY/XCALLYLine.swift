import BridgeCore
import Transport
import WireProtocols

/// The source's connection as others use it to emit. Confined to the source's event loop.
final class XCALLYLine: VendorLine {
    private var users = VendorLineUsers()

    /// The connection while it is up.
    weak var connection: SocketIOConnection? {
        didSet { if connection != nil { users.tellReady() } }
    }

    func emit(_ name: String, json: [UInt8], wantsAcknowledgement: Bool) -> VendorLineEmission {
        guard let connection else { return .notConnected }
        return VendorLineEmission(connection.emit(name, [.json(json)], wantsAcknowledgement: wantsAcknowledgement))
    }

    func add(_ user: any VendorLineUser) { users.add(user) }

    func tell(acknowledged number: UInt64, inTime: Bool) { users.tell(acknowledged: number, inTime: inTime) }
}
