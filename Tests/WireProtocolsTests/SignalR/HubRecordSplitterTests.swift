import Foundation
import NIOCore
import TestSupport
import Testing

@testable import WireProtocols

@Suite("SignalR: records")
struct HubRecordSplitterTests {
    private static func records(_ pieces: [[UInt8]], limit: Int = 1000) throws -> [String] {
        var splitter = HubRecordSplitter(limitBytes: limit)
        var found: [String] = []
        for piece in pieces {
            splitter.receive(ByteBuffer(bytes: piece))
            while let record = try splitter.next() { found.append(String(buffer: record)) }
            #expect(splitter.unfinishedBytes <= limit)
        }
        return found
    }

    @Test("Records are the same wherever messages begin and end; empty ones are skipped")
    func cuts() throws {
        var random = SeededGenerator(seed: SeededGenerator.printedSeed(for: "HubRecordSplitterTests.cuts"))
        let long = String(repeating: "0123456789ä€😀", count: 20)
        let wire = "\u{1E}\u{1E}{}\u{1E}{\"a\":1}\u{1E}\u{1E}7\u{1E}12345678\u{1E}\(long)\u{1E}1\u{1E}\u{1E}\u{1E}rest"
        for feed in ChunkedFeed.cuts(of: Array(wire.utf8), random: &random, randomCuts: 200, longest: 40) {
            #expect(try Self.records(feed) == ["{}", "{\"a\":1}", "7", "12345678", long, "1"])
        }
        let empty = [[UInt8]](repeating: [], count: 3)
        #expect(try Self.records(empty + [Array("a\u{1E}".utf8)] + empty) == ["a"])
    }

    @Test("The end is found at every place, behind bytes that look like it but for one bit")
    func places() throws {
        for length in 0...40 {
            for filler in [0x1F, 0x9E, 0x1C, 0x00, 0xFF, 0x0E, 0x3E] as [UInt8] {
                let text = [UInt8](repeating: filler, count: length)
                var splitter = HubRecordSplitter(limitBytes: 100)
                splitter.receive(ByteBuffer(bytes: text + [0x1E] + text + [0x1E]))
                for _ in 0..<(length == 0 ? 0 : 2) { #expect(try splitter.next() == ByteBuffer(bytes: text)) }
                #expect(try splitter.next() == nil)
                #expect(splitter.unfinishedBytes == 0)
            }
        }
    }

    @Test("A record may be as long as the limit and no byte longer, whole or in pieces, finished or not")
    func limit() throws {
        let fitting = [UInt8](repeating: 0x61, count: 10)
        for cut in 0...10 {
            let pieces = [Array(fitting[..<cut]), Array(fitting[cut...]), [0x1E]]
            #expect(try Self.records(pieces, limit: 10) == ["aaaaaaaaaa"])
            for end in [[0x61], [0x61, 0x1E]] as [[UInt8]] {
                #expect(throws: HubError.recordTooLong(limitBytes: 10)) {
                    try Self.records([Array(fitting[..<cut]), Array(fitting[cut...]) + end], limit: 10)
                }
            }
        }
        // What waits behind a record that is complete is looked at in its turn.
        var splitter = HubRecordSplitter(limitBytes: 10)
        splitter.receive(ByteBuffer(bytes: fitting + [0x1E] + fitting + fitting))
        #expect(try splitter.next() == ByteBuffer(bytes: fitting))
        #expect(throws: HubError.recordTooLong(limitBytes: 10)) { try splitter.next() }
    }

    @Test("A long record in very many messages, and very many records in one message, take linear time")
    func linear() throws {
        for isOneMessage in [true, false] {
            let small = try Self.cost(1 << 20, isOneMessage: isOneMessage)
            let large = try Self.cost(4 << 20, isOneMessage: isOneMessage)
            #expect(large < small * 10, "\(small) s, \(large) s")
        }
    }

    /// CPU seconds of this thread, the least of some runs: what else the machine does counts little. Were each message to look at or
    /// to copy all that came before, four times the bytes would take sixteen times the work.
    private static func cost(_ bytes: Int, isOneMessage: Bool) throws -> Double {
        let piece = ByteBuffer(bytes: [UInt8](repeating: 0x61, count: 63) + [isOneMessage ? 0x1E : 0x61])
        var message = ByteBuffer()
        for _ in 0..<bytes / 64 { message.writeImmutableBuffer(piece) }
        var best = Double.infinity
        for _ in 0..<5 {
            var splitter = HubRecordSplitter(limitBytes: bytes)
            var records = 0
            let start = threadSeconds
            for part in isOneMessage ? [message] : [ByteBuffer](repeating: piece, count: bytes / 64) {
                splitter.receive(part)
                while try splitter.next() != nil { records += 1 }
            }
            best = min(best, threadSeconds - start)
            #expect(records == (isOneMessage ? bytes / 64 : 0))
            #expect(splitter.unfinishedBytes == (isOneMessage ? 0 : bytes))
        }
        return best
    }

    private static var threadSeconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    @Test("Messages that come before anybody pulls are joined")
    func waiting() throws {
        var splitter = HubRecordSplitter(limitBytes: 100)
        for text in ["ab", "c\u{1E}d", "e\u{1E}", "f"] { splitter.receive(ByteBuffer(string: text)) }
        #expect(splitter.unfinishedBytes == 8)
        #expect(try splitter.next() == ByteBuffer(string: "abc"))
        splitter.receive(ByteBuffer(string: "g\u{1E}"))
        #expect(try splitter.next() == ByteBuffer(string: "de"))
        #expect(try splitter.next() == ByteBuffer(string: "fg"))
        #expect(try splitter.next() == nil)
    }
}
