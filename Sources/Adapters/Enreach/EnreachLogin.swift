import BridgeCore
import WireProtocols

/// Who we are at EnreachAPI, and where that is.
struct EnreachLogin: Sendable, Equatable {
    enum Credential: Sendable, Equatable {
        case secretKey(Secret)
        case password(Secret)
    }

    enum Place: Sendable, Equatable {
        case discovery(HTTPURL)
        case api(HTTPURL)
    }

    let user: String
    let credential: Credential
    let place: Place
}
