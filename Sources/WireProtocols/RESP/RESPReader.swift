import CHiredis

/// Bounds of what a Redis server may make us hold.
public struct RESPLimits: Sendable, Equatable {
    /// String bytes of one reply, complete or not. Everything beyond is `RESPError.tooLong`.
    public var replyBytes: Int
    /// Values of one reply, arrays included.
    public var replyValues: Int
    /// Arrays inside arrays; the replies used here need two.
    public var depth: Int

    public init(replyBytes: Int = 64 << 20, replyValues: Int = 16_384, depth: Int = 4) {
        (self.replyBytes, self.replyValues, self.depth) = (replyBytes, replyValues, depth)
    }
}

/// The server broke RESP2 or one of our limits. Final: the connection has to be closed.
public enum RESPError: Error, Equatable, Sendable {
    /// Not RESP2; hiredis' own words.
    case malformed(String)
    case tooLong(limitBytes: Int)
    case tooMany(limitValues: Int)
    case tooDeep(limit: Int)
    /// A type that only RESP3 has, which was never asked for.
    case unsupportedType
    case outOfMemory
}

extension RESPError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .malformed(let text): "the peer does not speak RESP2: \(text)"
        case .tooLong(let limit): "a reply is longer than \(limit) bytes"
        case .tooMany(let limit): "a reply has more than \(limit) values"
        case .tooDeep(let limit): "a reply nests more than \(limit) arrays"
        case .unsupportedType: "a reply has a type that only RESP3 knows, and RESP2 is spoken here"
        case .outOfMemory: "no memory for a reply"
        }
    }
}

/// RESP2 bytes to replies, by hiredis' reader with an arena behind it.
///
/// Feed, then pull replies until there is none, then feed on. Confined to one thread at a time.
public final class RESPReader {
    /// hiredis' buffer costs quadratic time when fed more at once (hiredis#656).
    public static let feedBytes = 16 * 1024

    private let handle: OpaquePointer
    private let limits: RESPLimits

    public init(limits: RESPLimits = RESPLimits()) throws(RESPError) {
        guard let handle = cti_resp_create(limits.replyBytes, limits.replyValues, Int32(clamping: limits.depth)) else {
            throw .outOfMemory
        }
        self.handle = handle
        self.limits = limits
    }

    deinit { cti_resp_free(handle) }

    /// Takes the first `feedBytes` of `bytes` at most and returns how many it took. Pull every reply before the next call.
    public func feed(_ bytes: UnsafeRawBufferPointer) throws(RESPError) -> Int {
        let count = min(bytes.count, Self.feedBytes)
        guard count > 0 else { return 0 }
        let result = cti_resp_feed(handle, bytes.baseAddress, count)
        guard result == CTI_RESP_INCOMPLETE.rawValue else { throw error(result) }
        return count
    }

    /// The next complete reply, or nil when more bytes are needed. A reply is valid until the next call of any member.
    public func next() throws(RESPError) -> RESPReply? {
        let result = cti_resp_next(handle)
        if result == CTI_RESP_INCOMPLETE.rawValue { return nil }
        guard result == CTI_RESP_REPLY.rawValue else { throw error(result) }
        var count = 0
        let nodes = cti_resp_nodes(handle, &count)
        return RESPReply(
            nodes: UnsafeBufferPointer(start: nodes, count: count),
            arena: cti_resp_arena(handle).map { UnsafeRawPointer($0) }, index: 0)
    }

    private func error(_ result: Int32) -> RESPError {
        switch result {
        case CTI_RESP_TOO_LONG.rawValue: .tooLong(limitBytes: limits.replyBytes)
        case CTI_RESP_TOO_MANY.rawValue: .tooMany(limitValues: limits.replyValues)
        case CTI_RESP_TOO_DEEP.rawValue: .tooDeep(limit: limits.depth)
        case CTI_RESP_UNSUPPORTED.rawValue: .unsupportedType
        case CTI_RESP_MEMORY.rawValue: .outOfMemory
        default: .malformed(String(cString: cti_resp_error_text(handle)))
        }
    }
}
