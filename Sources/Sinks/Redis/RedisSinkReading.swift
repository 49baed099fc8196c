import BridgeCore
import Transport
import WireProtocols

/// What the answers to `RedisSinkCommands` say of each line.
struct RedisSinkReading {
    /// Lines (their indices) that are there now.
    private(set) var taken: Set<Int> = []
    /// The first refusal of a line.
    private(set) var refusal: RedisServerError?
    /// A list may have grown beyond its bound.
    private(set) var trimRefusal: RedisServerError?
    /// The commands were run one by one instead.
    private(set) var transactionRefusal: RedisServerError?

    init(_ commands: RedisSinkCommands, _ answers: [RedisAnswer]) {
        var own = answers[...]
        var kept: ArraySlice<RedisAnswer>?
        if commands.isTransaction {
            if case .refused(let error)? = own.popFirst() { transactionRefusal = error }
            if own.count > commands.lines.count, case .executed(let answers)? = own.last { kept = answers[...] }
        }
        for (line, answer) in zip(commands.lines, own) {
            var answer = answer
            if answer == .queued {
                guard let executed = kept?.popFirst() else { continue }
                answer = executed
            }
            note(answer, line: line)
        }
        // A command that was refused beforehand is why EXEC ran none of them.
        if refusal == nil, commands.isTransaction, transactionRefusal == nil, own.count > commands.lines.count,
            case .refused(let error)? = own.last
        {
            refusal = trimRefusal ?? error
        }
    }

    private mutating func note(_ answer: RedisAnswer, line: Int?) {
        switch (answer, line) {
        case (.done, let line?): taken.insert(line)
        case (.refused(let error), .some): refusal = refusal ?? error
        case (.refused(let error), nil): trimRefusal = trimRefusal ?? error
        case (.done, nil), (.queued, _), (.executed, _): break
        }
    }
}

extension RedisServerError {
    /// The server cannot read a command of this size (`proto-max-bulk-len`) and closes the connection.
    var isOversize: Bool {
        guard case .other(_, let text) = self else { return false }
        return text.contains("Protocol error") && text.contains("bulk length")
    }

    /// The connection is of no use for another attempt: other credentials, another server.
    var endsConnection: Bool {
        switch reaction {
        case .refusal, .reconnect: true
        case .retryOnConnection, .retryAcknowledgement, .pollForNow, .poll, .stopKey, .warn: isOversize
        }
    }

    /// What happened and what to do, for somebody who writes to `place`.
    func advice(writingTo place: String) -> String {
        switch self {
        case .outOfMemory:
            "the server is at maxmemory and refuses writes: give it memory, or keep less with max_length or keep"
        case .wrongType: "the key '\(place)' holds something of another type: remove it there, or choose another name"
        case .unknownCommand(let text): "\(text): the server is too old for it, or has renamed it"
        case .other where isOversize:
            "the event is larger than the server reads (its proto-max-bulk-len)"
        case .passwordRequired, .wrongPassword, .noPermission, .passwordNotConfigured, .wrongArity, .databaseOutOfRange,
            .tooManyClients, .protectedMode, .protocolVersion, .loading, .busy, .masterDown, .clusterDown, .tryAgain,
            .readOnly, .unblocked, .writesDisabled, .tooFewReplicas, .moved, .ask, .crossSlot, .other:
            advice
        }
    }
}
