import Codecs

/// A reader of fixed-width little-endian numbers and counted texts, for the tracker's own checkpoints.
struct BinaryReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }

    mutating func integer<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) -> Value? {
        let width = Value.bitWidth / 8
        guard position + width <= bytes.count else { return nil }
        var value: Value = 0
        withUnsafeMutableBytes(of: &value) { $0.copyBytes(from: bytes[position..<position + width]) }
        position += width
        return Value(littleEndian: value)
    }

    /// A count of items that are at least `itemBytes` long each; nil where so many cannot follow.
    mutating func count(itemBytes: Int) -> Int? {
        guard let count = integer(UInt32.self), Int(count) <= (bytes.count - position) / itemBytes else { return nil }
        return Int(count)
    }

    mutating func text() -> String? {
        guard let length = count(itemBytes: 1) else { return nil }
        defer { position += length }
        return String(decoding: bytes[position..<position + length], as: UTF8.self)
    }
}

extension ByteWriter {
    mutating func append<Value: FixedWidthInteger>(littleEndian value: Value) {
        withUnsafeBytes(of: value.littleEndian) { append($0) }
    }

    mutating func append(countedText text: String) {
        append(littleEndian: UInt32(text.utf8.count))
        append(utf8: text)
    }
}
