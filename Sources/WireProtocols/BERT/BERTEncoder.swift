import Codecs

/// Terms to messages, byte for byte as Erlang's `term_to_binary/2` writes them; only the floats of minor version 0 are
/// spelled shorter than Erlang's 20 digits.
public struct BERTEncoder: Sendable {
    /// Erlang's `minor_version`.
    public enum MinorVersion: Sendable, CaseIterable {
        /// Floats as text, atoms in Latin-1 where they can be.
        case zero
        /// The default up to OTP 25: floats in eight bytes, atoms in Latin-1 where they can be.
        case one
        /// The default from OTP 26 on: all atoms in UTF-8.
        case two
    }

    private let minorVersion: MinorVersion

    public init(minorVersion: MinorVersion = .one) { self.minorVersion = minorVersion }

    /// A whole message: the version byte and the term.
    public func encode(_ value: BERTValue) -> [UInt8] {
        var writer = ByteWriter(capacity: 512)
        writer.append(BERTTag.version)
        append(value, to: &writer)
        return writer.bytes
    }

    private func append(_ value: BERTValue, to writer: inout ByteWriter) {
        switch value {
        case .integer(let number): append(number, to: &writer)
        case .bigInteger(let isNegative, let magnitude): append(isNegative, magnitude, to: &writer)
        case .float(let number): append(number, to: &writer)
        case .atom(let text): append(atom: text, to: &writer)
        case .tuple(let elements): append(tuple: elements, to: &writer)
        case .list(let elements): append(list: elements, tail: nil, to: &writer)
        case .improperList(let elements, let tail): append(list: elements, tail: tail, to: &writer)
        case .charlist(let bytes): append(charlist: bytes, to: &writer)
        case .binary(let bytes):
            writer.append(tag: .binary, count32: bytes.count)
            writer.append(bytes)
        case .bits(let bytes, let count):
            writer.append(tag: .bitBinary, count32: bytes.count)
            writer.append(UInt8(truncatingIfNeeded: count - 8 * (bytes.count - 1)))
            writer.append(bytes)
        case .map(let members):
            writer.append(tag: .map, count32: members.count)
            for (key, value) in members {
                append(key, to: &writer)
                append(value, to: &writer)
            }
        }
    }

    // MARK: Numbers

    private func append(_ number: Int64, to writer: inout ByteWriter) {
        if let byte = UInt8(exactly: number) {
            writer.append(tag: .smallInteger)
            writer.append(byte)
        } else if let short = Int32(exactly: number) {
            writer.append(tag: .integer, count32: Int(UInt32(bitPattern: short)))
        } else {
            var rest = number.magnitude
            var bytes: [UInt8] = []
            while rest > 0 {
                bytes.append(UInt8(truncatingIfNeeded: rest))
                rest >>= 8
            }
            append(number < 0, bytes, to: &writer)
        }
    }

    private func append(_ isNegative: Bool, _ magnitude: [UInt8], to writer: inout ByteWriter) {
        if let count = UInt8(exactly: magnitude.count) {
            writer.append(tag: .smallBig)
            writer.append(count)
        } else {
            writer.append(tag: .largeBig, count32: magnitude.count)
        }
        writer.append(isNegative ? 1 : 0)
        writer.append(magnitude)
    }

    private func append(_ number: Double, to writer: inout ByteWriter) {
        guard minorVersion == .zero else {
            writer.append(tag: .newFloat)
            return writer.append(bigEndian: number.bitPattern, count: 8)
        }
        writer.append(tag: .float)
        let text = Array(BERTFloatText.text(number).utf8)
        writer.append(text + [UInt8](repeating: 0, count: max(0, 31 - text.count)))
    }

    // MARK: Atoms

    private func append(atom text: String, to writer: inout ByteWriter) {
        let isLatin1 = text.unicodeScalars.allSatisfy { $0.value < 0x100 }
        precondition(text.unicodeScalars.count <= 255, "the program itself names atoms, and none longer than 255")
        if isLatin1, minorVersion != .two {
            writer.append(tag: .atom, count16: text.unicodeScalars.count)
            for scalar in text.unicodeScalars { writer.append(UInt8(truncatingIfNeeded: scalar.value)) }
        } else if let count = UInt8(exactly: text.utf8.count) {
            writer.append(tag: .smallAtomUTF8)
            writer.append(count)
            writer.append(utf8: text)
        } else {
            writer.append(tag: .atomUTF8, count16: text.utf8.count)
            writer.append(utf8: text)
        }
    }

    // MARK: Containers

    private func append(tuple elements: [BERTValue], to writer: inout ByteWriter) {
        if let count = UInt8(exactly: elements.count) {
            writer.append(tag: .smallTuple)
            writer.append(count)
        } else {
            writer.append(tag: .largeTuple, count32: elements.count)
        }
        for element in elements { append(element, to: &writer) }
    }

    private func append(list elements: [BERTValue], tail: BERTValue?, to writer: inout ByteWriter) {
        if tail == nil, let bytes = Self.bytes(of: elements) { return append(charlist: bytes, to: &writer) }
        if !elements.isEmpty { writer.append(tag: .list, count32: elements.count) }
        for element in elements { append(element, to: &writer) }
        if let tail { append(tail, to: &writer) } else { writer.append(tag: .nil_) }
    }

    private func append(charlist bytes: [UInt8], to writer: inout ByteWriter) {
        if bytes.isEmpty { return writer.append(tag: .nil_) }
        if bytes.count <= 0xFFFF {
            writer.append(tag: .string, count16: bytes.count)
            return writer.append(bytes)
        }
        writer.append(tag: .list, count32: bytes.count)
        for byte in bytes {
            writer.append(tag: .smallInteger)
            writer.append(byte)
        }
        writer.append(tag: .nil_)
    }

    /// The elements as bytes, nil where one is none.
    private static func bytes(of elements: [BERTValue]) -> [UInt8]? {
        var bytes: [UInt8] = []
        for element in elements {
            guard case .integer(let number) = element, let byte = UInt8(exactly: number) else { return nil }
            bytes.append(byte)
        }
        return bytes
    }
}

extension ByteWriter {
    fileprivate mutating func append(tag: BERTTag) { append(tag.rawValue) }

    fileprivate mutating func append(tag: BERTTag, count16 count: Int) {
        append(tag.rawValue)
        append(bigEndian: UInt64(count), count: 2)
    }

    fileprivate mutating func append(tag: BERTTag, count32 count: Int) {
        append(tag.rawValue)
        append(bigEndian: UInt64(count), count: 4)
    }

    fileprivate mutating func append(bigEndian value: UInt64, count: Int) {
        for index in (0..<count).reversed() { append(UInt8(truncatingIfNeeded: value >> (8 * UInt64(index)))) }
    }
}
