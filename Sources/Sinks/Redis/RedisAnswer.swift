import Transport
import WireProtocols

/// What a Redis server answers to a command that writes.
enum RedisAnswer: Sendable, Equatable {
    case done
    /// Kept for EXEC.
    case queued
    case refused(RedisServerError)
    /// Of EXEC: one for each command that was kept.
    case executed([RedisAnswer])

    init(_ reply: RESPReply) {
        switch reply.kind {
        case .error: self = .refused(RedisServerError(reply: reply.text ?? ""))
        case .status: self = reply.text == "QUEUED" ? .queued : .done
        case .string, .integer: self = .done
        case .null: self = .refused(.other(code: "nil", text: "nothing, where it should have written"))
        case .array: self = .executed(reply.elements.map { $0.map { RedisAnswer($0) } } ?? [])
        }
    }
}

/// The answers to what was sent, in order; where some are missing, why.
struct RedisAnswers: Sendable {
    var answers: [RedisAnswer] = []
    var failure: ConnectionError?
}
