import NIOCore
import Testing
import WireProtocols

@Suite struct RESPCommandWriterTests {
    @Test("Arguments are counted in bytes, so that any byte may stand in them")
    func counts() {
        var buffer = ByteBuffer()
        RESPCommandWriter().write(.lrange, ["k\r\n", "0", "ä"], into: &buffer)
        #expect(String(buffer: buffer) == "*4\r\n$6\r\nLRANGE\r\n$3\r\nk\r\n\r\n$1\r\n0\r\n$2\r\nä\r\n")
    }

    @Test("A prepared command tells where its last argument lies")
    func prepared() {
        let bytes: [UInt8] = [0, 13, 10, 255]
        let command = RESPCommandWriter().prepare(.lrem, ["key", "1"])
        var buffer = ByteBuffer()
        let first = bytes.withUnsafeBytes { command.write(last: $0, into: &buffer) }
        let second = [UInt8]().withUnsafeBytes { command.write(last: $0, into: &buffer) }
        let expected = Array("*4\r\n$4\r\nLREM\r\n$3\r\nkey\r\n$1\r\n1\r\n$4\r\n".utf8) + bytes + [13, 10]
        #expect(Array(buffer.readableBytesView.prefix(expected.count)) == expected)
        #expect(Array(buffer.readableBytesView[first]) == bytes)
        #expect(second.isEmpty && second.upperBound == buffer.writerIndex - 2)
    }

    @Test("A renamed command has the server's name for it")
    func renamed() {
        var buffer = ByteBuffer()
        RESPCommandWriter(renamed: ["LRem": "s3cret", "NOSUCH": "x"]).write(.lrem, ["k", "1", "e"], into: &buffer)
        #expect(String(buffer: buffer).hasPrefix("*4\r\n$6\r\ns3cret\r\n"))
    }
}
