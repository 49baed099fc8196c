/// Numbers, atoms, strings and bit strings.
extension BERTParser {
    /// Most characters of an atom, and most bytes that these can be.
    private static let atomCharacters = 255
    private static let atomBytes = 4 * atomCharacters

    mutating func parseBig(_ length: Int, header: Int) throws(BERTError) {
        guard length + header <= end - position else { throw truncated(header + length) }
        guard length <= limits.integerBytes else {
            throw fault(.integerTooLong(bytes: length, limitBytes: limits.integerBytes))
        }
        let sign = base.load(fromByteOffset: position + header - 1, as: UInt8.self)
        try append(.bigInteger, header: header, length: length, detail: sign == 0 ? 0 : 1)
    }

    mutating func parseFloat() throws(BERTError) {
        guard end - position >= 9 else { throw truncated(9) }
        let bits = UInt64(bigEndian: base.loadUnaligned(fromByteOffset: position + 1, as: UInt64.self))
        guard Double(bitPattern: bits).isFinite else { throw fault(.floatNotFinite) }
        try append(.float, header: 1, length: 8)
    }

    /// 31 bytes: text that a byte 0 ends. What stands behind that is nobody's business, as in OTP.
    mutating func parseFloatText() throws(BERTError) {
        guard end - position >= 32 else { throw truncated(32) }
        let text = UnsafeRawBufferPointer(start: base + position + 1, count: 31)
        guard let length = BERTFloatText.length(of: text) else { throw fault(.floatNotNumber) }
        guard BERTFloatText.value(UnsafeRawBufferPointer(rebasing: text[..<length])).isFinite else {
            throw fault(.floatNotFinite)
        }
        try append(.floatText, header: 1, length: length)
        position += 31 - length
    }

    mutating func parseString() throws(BERTError) {
        let length = try announced16()
        try append(length == 0 ? .list : .string, header: 3, length: length)
    }

    mutating func parseBits() throws(BERTError) {
        let length = try announced32()
        guard length <= end - position - 6 else { throw truncated(6 + length) }
        let bits = base.load(fromByteOffset: position + 5, as: UInt8.self)
        // No bits of no byte is how OTP takes an empty binary in this form.
        guard bits <= 8, (bits == 0) == (length == 0) else { throw fault(.bitCount(bits)) }
        let isWhole = bits == 8 || length == 0
        try append(isWhole ? .binary : .bits, header: 6, length: length, detail: isWhole ? 0 : bits)
    }

    // MARK: Atoms

    /// Latin-1, one byte a character.
    @inline(__always)
    mutating func parseAtom(_ length: Int, header: Int) throws(BERTError) {
        guard length <= end &- position &- header else { throw truncated(header &+ length) }
        guard length <= Self.atomCharacters else { throw fault(.atomTooLong(length)) }
        let form: BERTNode.Form = isASCII(position &+ header, length) ? .atom : .latin1Atom
        try append(form, header: header, length: length)
    }

    @inline(__always)
    mutating func parseUTF8Atom(_ length: Int, header: Int) throws(BERTError) {
        guard length <= end &- position &- header else { throw truncated(header &+ length) }
        if length > Self.atomCharacters || !isASCII(position &+ header, length) {
            try checkUTF8Atom(UnsafeRawBufferPointer(start: base + position + header, count: length))
        }
        try append(.atom, header: header, length: length)
    }

    private func checkUTF8Atom(_ bytes: UnsafeRawBufferPointer) throws(BERTError) {
        guard bytes.count <= Self.atomBytes else { throw fault(.atomTooLong(bytes.count)) }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw fault(.atomNotUTF8) }
        let characters = text.unicodeScalars.count
        guard characters <= Self.atomCharacters else { throw fault(.atomTooLong(characters)) }
    }

    @inline(__always)
    private func isASCII(_ offset: Int, _ length: Int) -> Bool {
        var index = offset
        let last = offset &+ length
        while index &+ 8 <= last {
            guard base.loadUnaligned(fromByteOffset: index, as: UInt64.self) & 0x8080_8080_8080_8080 == 0 else {
                return false
            }
            index &+= 8
        }
        while index < last {
            guard base.load(fromByteOffset: index, as: UInt8.self) < 0x80 else { return false }
            index &+= 1
        }
        return true
    }
}
