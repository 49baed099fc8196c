import Codecs
import WireProtocols

/// The frames of one connection as lines of JSON, for `cti-bridge decode basix`.
package final class BasixFrameNotation {
    private let reader: BasixMessageReader

    package init(limits: BERTLimits) { reader = BasixMessageReader(limits: limits) }

    /// Appends the line of the next frame, without a newline. Throws a sentence where the frame is no message.
    package func append(_ frame: [UInt8], to line: inout ByteWriter) throws {
        try frame.withUnsafeBytes { line.append(basixMessage: try reader.read($0)) }
    }
}
