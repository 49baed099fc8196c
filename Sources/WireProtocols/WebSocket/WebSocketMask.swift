import NIOCore

/// The key that a client covers a frame's payload with (RFC 6455, section 5.3).
struct WebSocketMask: Equatable {
    /// The four bytes in the order of the wire, the first one highest.
    let key: UInt32

    /// Appends `source`, covered or uncovered, which is the same; `position` is that of its first byte in the payload.
    func append(_ source: UnsafeRawBufferPointer, at position: Int, to buffer: inout ByteBuffer) {
        guard let from = source.baseAddress, source.count > 0 else { return }
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: source.count) { room in
            if let to = room.baseAddress { apply(from, source.count, at: position, to: to) }
            return source.count
        }
    }

    private func apply(_ from: UnsafeRawPointer, _ count: Int, at position: Int, to: UnsafeMutableRawPointer) {
        // Turned so that it begins with the byte for `position`, as it lies in memory.
        let shift = 8 * UInt32(position & 3)
        let turned = (key << shift | key >> (32 - shift)).bigEndian
        let wide = UInt64(turned) << 32 | UInt64(turned)
        var index = 0
        while index &+ 8 <= count {
            let word = from.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            to.storeBytes(of: word ^ wide, toByteOffset: index, as: UInt64.self)
            index &+= 8
        }
        while index < count {
            let byte = from.load(fromByteOffset: index, as: UInt8.self)
            let cover = UInt8(truncatingIfNeeded: key >> (24 &- 8 &* UInt32((position &+ index) & 3)))
            to.storeBytes(of: byte ^ cover, toByteOffset: index, as: UInt8.self)
            index &+= 1
        }
    }
}
