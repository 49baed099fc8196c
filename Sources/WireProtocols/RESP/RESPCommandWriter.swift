import NIOCore

/// The commands this bridge and its simulator send to Redis.
public enum RESPCommand: String, CaseIterable, Sendable {
    case hello, auth, select, client, ping
    case blmove, blpop, brpop, lrange, lrem, llen
    case psubscribe, publish, rpush, lpush, ltrim, xadd
    case multi, exec
}

/// Formats commands as RESP arrays of bulk strings: length-counted, so every byte may stand in an argument.
public struct RESPCommandWriter: Sendable {
    private let names: [RESPCommand: [UInt8]]

    /// `renamed` says what the server calls a command that its `rename-command` hid; case does not matter in its keys.
    public init(renamed: [String: String] = [:]) {
        var names: [RESPCommand: [UInt8]] = [:]
        for command in RESPCommand.allCases { names[command] = Array(command.rawValue.uppercased().utf8) }
        for (name, replacement) in renamed {
            if let command = RESPCommand(rawValue: name.lowercased()) { names[command] = Array(replacement.utf8) }
        }
        self.names = names
    }

    public func write(_ command: RESPCommand, _ arguments: [String] = [], into buffer: inout ByteBuffer) {
        writeHead(command, arguments, count: arguments.count, into: &buffer)
    }

    /// As `write`, for a last argument that is bytes.
    public func write(_ command: RESPCommand, _ arguments: [String], last: [UInt8], into buffer: inout ByteBuffer) {
        last.withUnsafeBytes { write(command, arguments, last: $0, into: &buffer) }
    }

    /// As `write`, for a last argument that is bytes.
    public func write(
        _ command: RESPCommand, _ arguments: [String], last: UnsafeRawBufferPointer, into buffer: inout ByteBuffer
    ) {
        writeHead(command, arguments, count: arguments.count + 1, into: &buffer)
        Self.writeBulk(last, into: &buffer)
    }

    /// A command that is sent many times with another last argument.
    public func prepare(_ command: RESPCommand, _ arguments: [String]) -> RESPPreparedCommand {
        var head = ByteBuffer()
        writeHead(command, arguments, count: arguments.count + 1, into: &head)
        return RESPPreparedCommand(head: Array(head.readableBytesView))
    }

    private func writeHead(_ command: RESPCommand, _ arguments: [String], count: Int, into buffer: inout ByteBuffer) {
        buffer.writeString("*\(count + 1)\r\n")
        (names[command] ?? []).withUnsafeBytes { Self.writeBulk($0, into: &buffer) }
        for argument in arguments {
            var argument = argument
            argument.withUTF8 { Self.writeBulk(UnsafeRawBufferPointer($0), into: &buffer) }
        }
    }

    static func writeBulk(_ bytes: UnsafeRawBufferPointer, into buffer: inout ByteBuffer) {
        buffer.writeInteger(UInt8(ascii: "$"))
        writeDecimal(bytes.count, into: &buffer)
        buffer.writeInteger(UInt16(0x0D0A))
        buffer.writeBytes(bytes)
        buffer.writeInteger(UInt16(0x0D0A))
    }

    private static func writeDecimal(_ value: Int, into buffer: inout ByteBuffer) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var position = 20
            var rest = value
            repeat {
                position -= 1
                digits[position] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            buffer.writeBytes(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(digits)[position...]))
        }
    }
}

/// Everything of a command but its last argument.
public struct RESPPreparedCommand: Sendable {
    let head: [UInt8]

    /// Appends the whole command and returns where in `buffer` the bytes of its last argument lie.
    public func write(last: UnsafeRawBufferPointer, into buffer: inout ByteBuffer) -> Range<Int> {
        buffer.writeBytes(head)
        RESPCommandWriter.writeBulk(last, into: &buffer)
        let end = buffer.writerIndex - 2
        return (end - last.count)..<end
    }
}
