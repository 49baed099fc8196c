import Codecs

/// One record of the JSON hub protocol, either direction (HubProtocol.md).
public enum HubMessage: Sendable {
    /// Type 1.
    case invocation(HubInvocation)
    /// Type 2: one of several results. Nothing here asks for them.
    case streamItem
    /// Type 3.
    case completion(HubCompletion)
    /// Type 4: wants several results and a completion.
    case streamInvocation(HubInvocation)
    /// Type 5: the results of an invocation are not wanted any more.
    case cancelInvocation(id: String)
    /// Type 6.
    case ping
    /// Type 7.
    case close(HubClose)
    /// Type 8, of stateful reconnect, which is not spoken here.
    case ack
    /// Type 9, likewise.
    case sequence
    /// A type that the protocol did not have when this was written.
    case unknown(type: String)
}

/// A method that the other end calls.
public struct HubInvocation: Sendable {
    /// Where there is one, the caller waits for a completion.
    public let id: String?
    /// As the caller spelled it. Names of methods are compared without regard to case.
    public let target: String
    /// Always an array: the arguments, as they lie in the record that was parsed.
    public let arguments: JSONValue
    /// The whole record.
    public let record: JSONValue

    /// Whether `method` is called, whatever the case of ASCII letters.
    public func calls(_ method: String) -> Bool { HTTPSyntax.equal(target, method) }
}

/// How an invocation ended.
public struct HubCompletion: Sendable {
    public enum Outcome: Sendable {
        case value(JSONValue)
        /// The method gives no value.
        case void
        /// In the words of the other end.
        case error(String)
        /// A value and an error at once, which the protocol forbids.
        case contradiction(error: String)
    }

    /// Of the invocation.
    public let id: String
    public let outcome: Outcome
}

/// The orderly end of a connection.
public struct HubClose: Sendable, Equatable {
    /// Why, in the words of the other end; generic unless its detailed errors are on.
    public var error: String?
    /// Whether the client may come back soon.
    public var allowsReconnect: Bool

    public init(error: String? = nil, allowsReconnect: Bool = false) {
        (self.error, self.allowsReconnect) = (error, allowsReconnect)
    }
}

/// What is answered to an invocation.
public enum HubAnswer: Sendable, Equatable {
    /// JSON.
    case value([UInt8])
    case void
    case error(String)
}
