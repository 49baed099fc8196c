/// Bounds of what an HTTP peer may make us hold.
public struct HTTPLimits: Sendable, Equatable {
    /// Start line and fields with their line ends; trailers have as much again.
    public var headBytes: Int
    public var fieldCount: Int
    /// After the transfer coding is taken off. Parsers hand bodies on in pieces; the bound is on their sum.
    public var bodyBytes: Int
    /// Answers of status 1xx before the final one.
    public var interimResponses: Int

    public init(
        headBytes: Int = 16 << 10, fieldCount: Int = 100, bodyBytes: Int = 1 << 20, interimResponses: Int = 8
    ) {
        (self.headBytes, self.fieldCount, self.bodyBytes) = (headBytes, fieldCount, bodyBytes)
        self.interimResponses = interimResponses
    }
}
