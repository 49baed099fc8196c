import Testing
import WireProtocols

@Suite struct RedisServerErrorTests {
    /// Sentences of Redis 5.0 to 7.2 and what a reader of lists does about each.
    static let table: [(String, RedisServerError, RedisServerError.Reaction)] = [
        ("NOAUTH Authentication required.", .passwordRequired, .refusal),
        ("WRONGPASS invalid username-password pair or user is disabled.", .wrongPassword, .refusal),
        ("ERR invalid password", .wrongPassword, .refusal),
        ("ERR Client sent AUTH, but no password is set", .passwordNotConfigured, .warn),
        (
            "ERR AUTH <password> called without any password configured for the default user. Are you sure your "
                + "configuration is correct?", .passwordNotConfigured, .warn
        ),
        ("ERR wrong number of arguments for 'auth' command", .wrongArity, .refusal),
        ("ERR DB index is out of range", .databaseOutOfRange, .refusal),
        ("ERR max number of clients reached", .tooManyClients, .refusal),
        ("DENIED Redis is running in protected mode because protected mode is enabled", .protectedMode, .refusal),
        ("NOPROTO unsupported protocol version", .protocolVersion, .refusal),
        ("LOADING Redis is loading the dataset in memory", .loading, .retryOnConnection),
        ("BUSY Redis is busy running a script.", .busy, .retryOnConnection),
        ("MASTERDOWN Link with MASTER is down", .masterDown, .retryOnConnection),
        ("CLUSTERDOWN The cluster is down", .clusterDown, .retryOnConnection),
        ("TRYAGAIN Multiple keys request during rehashing of slot", .tryAgain, .retryOnConnection),
        ("READONLY You can't write against a read only replica.", .readOnly, .reconnect),
        ("UNBLOCKED force unblock from blocking operation, instance state changed", .unblocked, .reconnect),
        ("MISCONF Redis is configured to save RDB snapshots", .writesDisabled, .retryAcknowledgement),
        ("NOREPLICAS Not enough good replicas to write.", .tooFewReplicas, .retryAcknowledgement),
        ("OOM command not allowed when used memory > 'maxmemory'.", .outOfMemory, .pollForNow),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", .wrongType, .stopKey),
        ("MOVED 3999 127.0.0.1:6381", .moved, .refusal),
        ("ASK 3999 127.0.0.1:6381", .ask, .refusal),
        ("CROSSSLOT Keys in request don't hash to the same slot", .crossSlot, .refusal),
        ("ERR something new", .other(code: "ERR", text: "ERR something new"), .retryOnConnection),
        ("", .other(code: "", text: ""), .retryOnConnection),
    ]

    @Test("Every class is recognised, has its reaction and one sentence of advice", arguments: table)
    func classes(text: String, error: RedisServerError, reaction: RedisServerError.Reaction) {
        #expect(RedisServerError(reply: text) == error)
        #expect(error.reaction == reaction)
        #expect(!error.advice.isEmpty && !error.advice.contains("\n"))
    }

    @Test("A forbidden and an unknown command keep their name and lose their arguments")
    func namesOnly() {
        let unknown = RedisServerError(
            reply: "ERR unknown command 'HELLO', with args beginning with: '2' 'AUTH' 'default' 'hushed' ")
        #expect(unknown == .unknownCommand("unknown command 'HELLO'"))
        let forbidden = RedisServerError(reply: "NOPERM this user has no permissions to run the 'blmove' command")
        #expect(forbidden.reaction == .poll && forbidden.advice.contains("blmove"))
        #expect(unknown.reaction == .poll && !unknown.advice.contains("hushed"))
    }

    @Test("Control characters and endless sentences are tamed")
    func tamed() {
        let error = RedisServerError(reply: "ERR \u{1B}[31m" + String(repeating: "x", count: 5000))
        #expect(error.advice.utf8.count < 300 && !error.advice.contains("\u{1B}"))
    }
}
