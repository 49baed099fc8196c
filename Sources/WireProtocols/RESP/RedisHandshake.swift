import NIOCore

/// Who we are to a Redis server. Prints nothing of itself.
public struct RedisCredentials: Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    let username: String?
    let password: [UInt8]

    /// Without `username` the password is that of `default`, which servers before 6.0 know as the only one.
    public init(username: String? = nil, password: [UInt8]) {
        (self.username, self.password) = (username, password)
    }

    public var description: String { "RedisCredentials(hidden)" }
    public var debugDescription: String { description }
}

/// The first words on a Redis connection.
///
/// `HELLO 2 [AUTH user password] SETNAME name`; where the server does not know that (before 6.0, renamed, forbidden),
/// `AUTH`, `CLIENT SETNAME` one by one; then `SELECT` when the database is not 0. What a server can do is found by trying,
/// never by comparing versions.
public struct RedisHandshake {
    /// A result of one input.
    public enum Step: Equatable {
        /// Bytes of ours to send.
        case send(ByteBuffer)
        /// Commands may follow. The server's version if it told one.
        case ready(version: String?)
        case failed(RedisServerError)
    }

    private enum State {
        /// HELLO was sent. → authenticating, naming, selecting, done
        case greeting
        /// AUTH was sent. → naming, done
        case authenticating
        /// CLIENT SETNAME was sent. → selecting, done
        case naming
        /// SELECT was sent. → done
        case selecting
        case done
    }

    /// What the operator may want to know although the connection came up.
    public private(set) var warnings: [RedisServerError] = []

    private let credentials: RedisCredentials?
    private let clientName: String
    private let database: Int
    private let writer: RESPCommandWriter
    private var state = State.greeting
    private var version: String?

    public init(credentials: RedisCredentials?, clientName: String, database: Int, writer: RESPCommandWriter) {
        (self.credentials, self.clientName, self.database) = (credentials, clientName, database)
        self.writer = writer
    }

    /// The first bytes.
    public mutating func start() -> ByteBuffer {
        state = .greeting
        var buffer = ByteBuffer()
        var arguments = ["2"]
        if let credentials {
            // HELLO has the name last so that the password, which is bytes, need not stand in the middle.
            arguments += ["SETNAME", clientName, "AUTH", credentials.username ?? "default"]
            writer.write(.hello, arguments, last: credentials.password, into: &buffer)
        } else {
            writer.write(.hello, arguments + ["SETNAME", clientName], into: &buffer)
        }
        return buffer
    }

    public mutating func receive(_ reply: RESPReply) -> Step {
        let error = reply.kind == .error ? RedisServerError(reply: reply.text ?? "") : nil
        switch state {
        case .greeting: return greeted(reply, error)
        case .authenticating: return authenticated(error)
        // A name is a courtesy: a server that refuses it is as good.
        case .naming: return select()
        case .selecting:
            state = .done
            if let error { return .failed(error) }
            return .ready(version: version)
        case .done: return .ready(version: version)
        }
    }

    private mutating func greeted(_ reply: RESPReply, _ error: RedisServerError?) -> Step {
        guard let error else {
            version = Self.version(in: reply)
            return select()
        }
        switch error {
        case .unknownCommand, .noPermission, .wrongArity, .protocolVersion, .other, .passwordNotConfigured:
            return credentials == nil ? name() : authenticate()
        case .passwordRequired where credentials != nil:
            // HELLO itself is not allowed before AUTH on some forks.
            return authenticate()
        case .passwordRequired, .wrongPassword, .databaseOutOfRange, .tooManyClients, .protectedMode, .loading, .busy,
            .masterDown, .clusterDown, .tryAgain, .readOnly, .unblocked, .writesDisabled, .tooFewReplicas, .outOfMemory,
            .wrongType, .moved, .ask, .crossSlot:
            state = .done
            return .failed(error)
        }
    }

    private mutating func authenticated(_ error: RedisServerError?) -> Step {
        if let error {
            guard error == .passwordNotConfigured else {
                state = .done
                return .failed(error)
            }
            warnings.append(error)
        }
        return name()
    }

    private mutating func authenticate() -> Step {
        guard let credentials else { return name() }
        state = .authenticating
        var buffer = ByteBuffer()
        writer.write(.auth, credentials.username.map { [$0] } ?? [], last: credentials.password, into: &buffer)
        return .send(buffer)
    }

    private mutating func name() -> Step {
        state = .naming
        var buffer = ByteBuffer()
        writer.write(.client, ["SETNAME", clientName], into: &buffer)
        return .send(buffer)
    }

    private mutating func select() -> Step {
        guard database != 0 else {
            state = .done
            return .ready(version: version)
        }
        state = .selecting
        var buffer = ByteBuffer()
        writer.write(.select, [String(database)], into: &buffer)
        return .send(buffer)
    }

    /// `HELLO 2` answers a flat array of names and values.
    private static func version(in reply: RESPReply) -> String? {
        guard var elements = reply.elements else { return nil }
        while let name = elements.next(), let value = elements.next() {
            if name.text == "version" { return value.text }
        }
        return nil
    }
}
