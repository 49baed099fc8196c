extension RedisServerError {
    /// What a reader of lists does about an error.
    public enum Reaction: Sendable, Equatable {
        /// Configuration of ours or theirs: close, say so once, try again after 30 s.
        case refusal
        /// The server is not ready: the same command again on the same connection, with backoff.
        case retryOnConnection
        /// Another server has the data now: close, resolve the name anew, connect.
        case reconnect
        /// The server refuses all writes: what is acknowledged is retried, nothing new is read until that succeeds.
        case retryAcknowledgement
        /// Only the blocking peek is refused: poll, and try it again later.
        case pollForNow
        /// Only the blocking peek is refused, and it stays so: poll.
        case poll
        /// The key holds something else: leave this key alone, look again after 30 s.
        case stopKey
        /// Nothing is lost by it: say so and go on.
        case warn
    }

    public var reaction: Reaction {
        switch self {
        case .passwordRequired, .wrongPassword, .databaseOutOfRange, .tooManyClients, .protectedMode, .protocolVersion,
            .wrongArity, .moved, .ask, .crossSlot:
            .refusal
        case .noPermission, .unknownCommand: .poll
        case .passwordNotConfigured: .warn
        case .loading, .busy, .masterDown, .clusterDown, .tryAgain, .other: .retryOnConnection
        case .readOnly, .unblocked: .reconnect
        case .writesDisabled, .tooFewReplicas: .retryAcknowledgement
        case .outOfMemory: .pollForNow
        case .wrongType: .stopKey
        }
    }

    /// What happened and what to do, in one sentence.
    public var advice: String {
        switch self {
        case .passwordRequired: "the server wants a password: set password, and username if it has users"
        case .wrongPassword: "the server refused the user name or password: correct username and password"
        case .noPermission(let text): "the server's ACL forbids it (\(text)): allow this user the command and the key"
        case .passwordNotConfigured: "the server has no password: the configured one was not used and can be removed"
        case .wrongArity: "the server does not know this form of the command: user names need Redis 6.0"
        case .unknownCommand(let text): "\(text): if the server renamed it, give its name under commands"
        case .databaseOutOfRange: "the server has no database of this number: correct the end of the redis URL"
        case .tooManyClients: "the server has no connection left: raise its maxclients or close other clients"
        case .protectedMode: "the server is in protected mode and takes local clients only: set a password there"
        case .protocolVersion: "the server does not speak RESP2: this is no Redis that can be used here"
        case .loading: "the server is loading its data: waiting for it"
        case .busy: "the server is busy with a script: waiting for it"
        case .masterDown: "the server is a replica without its master: waiting for it"
        case .clusterDown: "the server's cluster is down: waiting for it"
        case .tryAgain: "the server's cluster is moving this key: trying again"
        case .readOnly: "the server is a read-only replica: connecting anew to find the master"
        case .unblocked: "the server changed its role: connecting anew to find the master"
        case .writesDisabled: "the server cannot save and refuses writes: free its disk or look into its log"
        case .tooFewReplicas: "the server has too few replicas and refuses writes: bring its replicas back"
        case .outOfMemory: "the server is at maxmemory: polling until it has memory again"
        case .wrongType: "the key is not a list: check prefix, lists and the database number"
        case .moved, .ask, .crossSlot: "this is a Redis Cluster, which is not supported: give the node that has the key"
        case .other(_, let text): "the server answered \(text)"
        }
    }
}

extension RedisServerError: CustomStringConvertible {
    public var description: String { advice }
}
