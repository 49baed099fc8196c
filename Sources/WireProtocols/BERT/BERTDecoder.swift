/// Messages in BERT or Erlang's External Term Format to terms: one pass, no recursion, nothing copied.
///
/// Accepts what Erlang/OTP's `binary_to_term/1` accepts, but for three things: bytes after the term are refused, the
/// limits hold, and tags that OTP uses only inside itself are unknown. Memory for nodes is kept from message to message.
/// Confined to one thread at a time.
public final class BERTDecoder {
    /// More nodes than these are given back before the next message is read: 1 MiB.
    private static let keptNodes = 1 << 16
    private static let firstNodes = 256

    public let limits: BERTLimits
    private var nodes: UnsafeMutablePointer<BERTNode>
    private var capacity: Int
    private let frames: UnsafeMutablePointer<BERTFrame>
    /// The content of the compressed term read last.
    private var inflated: UnsafeMutableRawBufferPointer?

    public init(limits: BERTLimits = BERTLimits()) {
        self.limits = limits
        capacity = min(Self.firstNodes, limits.terms)
        nodes = .allocate(capacity: capacity)
        frames = .allocate(capacity: limits.depth + 1)
    }

    deinit {
        nodes.deallocate()
        frames.deallocate()
        inflated?.deallocate()
    }

    /// The term that `message` is, all of it. A view: valid while `message` and this decoder are, and until the next call.
    /// Never store it, and never call this on a decoder that nobody holds.
    public func decode(_ message: UnsafeRawBufferPointer) throws(BERTError) -> BERTTerm {
        giveBack()
        guard let base = message.baseAddress, message.count > 0 else { throw BERTError(.empty, offset: 0) }
        guard message[0] == BERTTag.version else {
            throw BERTError(.notVersioned(found: message[0]), offset: 0)
        }
        guard message.count <= limits.bytes else {
            throw BERTError(.tooLong(limitBytes: limits.bytes), offset: limits.bytes)
        }
        if message.count > 1, message[1] == BERTTag.compressed.rawValue { return try decodeCompressed(message) }
        return try parse(UnsafeRawBufferPointer(start: base, count: message.count), from: 1)
    }

    private func parse(_ bytes: UnsafeRawBufferPointer, from start: Int) throws(BERTError) -> BERTTerm {
        guard let base = bytes.baseAddress else { throw BERTError(.empty, offset: 0) }
        var parser = BERTParser(
            base: base, end: bytes.count, position: start, nodes: nodes, capacity: capacity, frames: frames,
            limits: limits)
        // The parser may have moved the nodes, also where it failed.
        defer { (nodes, capacity) = (parser.nodes, parser.capacity) }
        try parser.parse()
        return BERTTerm(position: UnsafePointer(parser.nodes), node: parser.nodes[0], bytes: base)
    }

    private func decodeCompressed(_ message: UnsafeRawBufferPointer) throws(BERTError) -> BERTTerm {
        guard limits.allowsCompressed else { throw BERTError(.compressed, offset: 1) }
        let content = try BERTInflater.inflate(message, limit: limits.bytes)
        inflated = content
        do {
            return try parse(UnsafeRawBufferPointer(content), from: 0)
        } catch {
            var error = error
            error.isInflated = true
            throw error
        }
    }

    private func giveBack() {
        inflated?.deallocate()
        inflated = nil
        guard capacity > Self.keptNodes else { return }
        nodes.deallocate()
        capacity = min(Self.firstNodes, limits.terms)
        nodes = .allocate(capacity: capacity)
    }
}
