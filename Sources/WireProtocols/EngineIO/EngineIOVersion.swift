import NIOCore

/// The generation of Engine.IO, and with it that of Socket.IO (xcally-socketio note, section 2.1).
public enum EngineIOVersion: Int, Sendable, Hashable, CaseIterable {
    /// Socket.IO 1.x and 2.x, protocol 4: clients ping; binary has a type byte.
    case v3 = 3
    /// Socket.IO 3.x and 4.x, protocol 5: servers ping; binary is bare.
    case v4 = 4

    /// The other one.
    public var other: EngineIOVersion { self == .v3 ? .v4 : .v3 }
}

extension EngineIOVersion: CustomStringConvertible {
    public var description: String { "Engine.IO \(rawValue)" }
}
