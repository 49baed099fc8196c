/// The setting `protocol`.
public enum SocketIOVersionPolicy: String, Sendable, CaseIterable {
    case auto, eio3, eio4
}

/// Which generation one attempt asks for, and whether the other follows at once (note, section 2.9).
///
/// `auto` begins with what worked last, else with version 3: old servers take either and answer wrongly to 4, while new ones
/// refuse 3 cleanly. `eio4` falls back only from a server that shows itself to be of 1.x or 2.x.
public struct SocketIOVersionChoice: Sendable {
    /// What to do after an attempt failed.
    public enum Step: Equatable, Sendable {
        /// Ask for this one, once, at once.
        case ask(EngineIOVersion)
        case giveUp(SocketIOError)
    }

    private let policy: SocketIOVersionPolicy
    /// What to ask for now.
    public private(set) var version: EngineIOVersion
    private var earlier: SocketIOVersionAnswer?

    /// - Parameter known: what worked last.
    public init(_ policy: SocketIOVersionPolicy, known: EngineIOVersion? = nil) {
        self.policy = policy
        version =
            switch policy {
            case .auto: known ?? .v3
            case .eio3: .v3
            // A server that was found to be older stays so for a while.
            case .eio4: known ?? .v4
            }
    }

    /// The version is not the one that was asked for first.
    public var isFallback: Bool { earlier != nil }

    public mutating func failed(_ error: SocketIOError) -> Step {
        if let earlier {
            guard error.suggestsOtherVersion else { return .giveUp(error) }
            return .giveUp(.refusedInBothVersions([earlier, SocketIOVersionAnswer(version, "\(error)")]))
        }
        guard mayFallBack(from: error) else { return .giveUp(error) }
        earlier = SocketIOVersionAnswer(version, "\(error)")
        version = version.other
        return .ask(version)
    }

    private func mayFallBack(from error: SocketIOError) -> Bool {
        switch policy {
        case .auto: return error.suggestsOtherVersion
        case .eio3: return false
        case .eio4:
            guard case .refused(let refusal) = error else { return false }
            return refusal.cause == .olderServer || (version == .v3 && refusal.suggestsOtherVersion)
        }
    }
}
