/// What a Redis error reply means to a reader of lists. Each class has its own reaction and one sentence of advice.
///
/// Classes and reactions: the Redis documentation and, for `-OOM`, `-NOPERM` and unknown commands, Redis 6.2 to 7.4.
public enum RedisServerError: Error, Equatable, Sendable {
    case passwordRequired
    case wrongPassword
    /// The server's sentence, which names the command or says that a key or channel is out of reach.
    case noPermission(String)
    /// AUTH although the server has no password.
    case passwordNotConfigured
    /// AUTH with a user name, or another form of a command that this server is too old for.
    case wrongArity
    /// The command as the server quotes it.
    case unknownCommand(String)
    case databaseOutOfRange
    case tooManyClients
    case protectedMode
    case protocolVersion
    case loading
    case busy
    case masterDown
    case clusterDown
    case tryAgain
    case readOnly
    case unblocked
    case writesDisabled
    case tooFewReplicas
    case outOfMemory
    case wrongType
    case moved
    case ask
    case crossSlot
    /// Anything else: the first word, and the server's sentence without arguments of ours.
    case other(code: String, text: String)

    /// Classifies the text of an error reply. What we sent is cut out of it: it may hold a password or a phone number.
    public init(reply text: String) {
        let text = Self.withoutArguments(text)
        let code = text.prefix { $0 != " " }
        self = Self.byCode[String(code)] ?? Self.bySentence(text, code: String(code))
    }

    private static let byCode: [String: RedisServerError] = [
        "NOAUTH": .passwordRequired, "WRONGPASS": .wrongPassword, "DENIED": .protectedMode, "-DENIED": .protectedMode,
        "NOPROTO": .protocolVersion, "LOADING": .loading, "BUSY": .busy, "MASTERDOWN": .masterDown,
        "CLUSTERDOWN": .clusterDown, "TRYAGAIN": .tryAgain, "READONLY": .readOnly, "UNBLOCKED": .unblocked,
        "MISCONF": .writesDisabled, "NOREPLICAS": .tooFewReplicas, "OOM": .outOfMemory, "WRONGTYPE": .wrongType,
        "MOVED": .moved, "ASK": .ask, "CROSSSLOT": .crossSlot,
    ]

    private static func bySentence(_ text: String, code: String) -> RedisServerError {
        if code == "NOPERM" { return .noPermission(text) }
        let lower = text.lowercased()
        if lower.hasPrefix("err unknown command") || lower.hasPrefix("err unknown subcommand") {
            return .unknownCommand(String(text.dropFirst(4)))
        }
        if lower.contains("no password is set") || lower.contains("without any password configured") {
            return .passwordNotConfigured
        }
        if lower.contains("invalid password") { return .wrongPassword }
        if lower.contains("operation not permitted") { return .passwordRequired }
        if lower.contains("wrong number of arguments") { return .wrongArity }
        if lower.contains("db index") { return .databaseOutOfRange }
        if lower.contains("max number of clients") { return .tooManyClients }
        if lower.contains("protected mode") { return .protectedMode }
        return .other(code: code, text: text)
    }

    /// Redis echoes the arguments of a command it does not know behind this phrase. Kept are 200 printable characters.
    private static func withoutArguments(_ text: String) -> String {
        let marker = Array(", with args".utf8)
        let bytes = Array(text.utf8)
        var end = bytes.count
        if bytes.count >= marker.count {
            let starts = 0...(bytes.count - marker.count)
            end = starts.first { bytes[$0..<$0 + marker.count].elementsEqual(marker) } ?? end
        }
        let kept = bytes[..<min(end, 200)].map { $0 >= 0x20 && $0 < 0x7F ? $0 : UInt8(ascii: "?") }
        return String(decoding: kept, as: UTF8.self)
    }
}
