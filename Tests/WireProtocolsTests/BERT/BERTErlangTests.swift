import Foundation
import TestSupport
import Testing
import WireProtocols

@Suite("BERT beside a real Erlang")
struct BERTErlangTests {
    @Test("Random terms that Erlang prints are decoded equal, and encoded and decoded again")
    func randomTerms() async throws {
        let seed = SeededGenerator.printedSeed(for: "random Erlang terms")
        let directory = try TemporaryDirectory()
        let count = runsLongTests ? 20_000 : 600
        guard let lines = try await BERTErlang.lines(["random", "\(seed)", "\(count)"], in: directory) else { return }
        #expect(lines.count == count)
        let decoder = BERTDecoder(limits: BERTLimits(integerBytes: 1024, allowsCompressed: true))
        var copied = 0
        for line in lines {
            let parts = line.split(separator: " ", maxSplits: 1)
            let bytes = [UInt8](hex: parts[0])
            let expected = try BERTNotation.canonical(String(parts[1]))
            let found = try BERTNotation.canonical(BERTNotation.text(bytes, decoder))
            try #require(found == expected, "\(parts[0].prefix(2000))")
            guard let value = try bytes.withUnsafeBytes({ BERTValue(try decoder.decode($0)) }) else { continue }
            copied += 1
            for version in BERTEncoder.MinorVersion.allCases {
                let again = BERTEncoder(minorVersion: version).encode(value)
                let second = try BERTNotation.canonical(BERTNotation.text(again, decoder))
                try #require(second == expected, "\(version): \(parts[0].prefix(2000))")
            }
        }
        #expect(copied > count / 3)
    }

    @Test("What Erlang takes of broken messages is taken, as the same term, and what it refuses is refused")
    func verdicts() async throws {
        let seed = SeededGenerator.printedSeed(for: "broken messages beside Erlang")
        let directory = try TemporaryDirectory()
        let messages = broken(runsLongTests ? 1_000_000 : 20_000, seed)
        try Data(Self.framed(messages)).write(to: URL(fileURLWithPath: directory.file("frames")))
        guard let lines = try await BERTErlang.lines(["judge", directory.file("frames")], in: directory) else { return }
        #expect(lines.count == messages.count)
        let decoder = BERTDecoder(limits: .loose)
        var tally: [String: Int] = [:]
        for (message, line) in zip(messages, lines) {
            var outcome = try Self.compare(message, line, decoder)
            if outcome.hasPrefix("differs"), Self.leadsErlangAstray(message) { outcome = "Erlang reads too far" }
            tally[outcome, default: 0] += 1
            try #require(
                !outcome.hasPrefix("differs"),
                "\(outcome)\n\(message.map { String($0) }.joined(separator: ","))\n\(line)")
        }
        print("broken messages beside Erlang: \(tally.sorted { $0.key < $1.key })")
        #expect(tally["both take it", default: 0] > messages.count / 20)
        #expect(tally["both refuse it", default: 0] > messages.count / 20)
    }

    private func broken(_ count: Int, _ seed: UInt64) -> [[UInt8]] {
        let short = BERTFixture.all.filter { $0.bytes.count < 700 && !$0.bytes.isEmpty }.map(\.bytes)
        var mutator = BERTMutator(seeds: short + BERTExamples.opaque.map { [131] + $0 }, seed: seed)
        return (0..<count).map { _ in
            var bytes: [UInt8] = []
            repeat { mutator.next(into: &bytes) } while Self.harmsErlang(bytes)
            return bytes
        }
    }

    /// A reference of no words: OTP 25 takes four bytes too many for it, beyond the message if need be, and dies of that
    /// now and then.
    private static func harmsErlang(_ message: [UInt8]) -> Bool {
        message.indices.dropLast(2).contains {
            [90, 114].contains(message[$0]) && message[$0 + 1] == 0 && message[$0 + 2] == 0
        }
    }

    private static func framed(_ messages: [[UInt8]]) -> [UInt8] {
        messages.flatMap { message in
            (0..<4).map { UInt8(truncatingIfNeeded: message.count >> (24 - 8 * $0)) } + message
        }
    }

    /// OTP 25 reads the text of a float up to a byte 0 wherever that stands.
    private static func leadsErlangAstray(_ message: [UInt8]) -> Bool {
        message.indices.contains { message[$0] == 99 && !message[($0 + 1)...].prefix(31).contains(0) }
    }

    /// Says how the two verdicts go together; begins with "differs" where they must not.
    private static func compare(_ message: [UInt8], _ line: Substring, _ decoder: BERTDecoder) throws -> String {
        let found: String
        do throws(BERTError) {
            found = try BERTNotation.text(message, decoder)
        } catch {
            if line == "badarg" { return "both refuse it" }
            if error.isLimit { return "a limit refuses it" }
            switch error.reason {
            case .trailingBytes:
                return line.hasPrefix("0 ") && !error.isInflated ? "differs: \(error)" : "bytes left over"
            case .funSize: return "size of a fun, which Erlang does not look at"
            // References into the atom table of the node that wrote them, which Erlang reads as its own.
            case .unknownTag(73...76), .notAtom(tag: 73...76): return "internal tag"
            default: return "differs: \(error)"
            }
        }
        guard line.hasPrefix("0 ") else { return "differs: taken" }
        let expected = try BERTNotation.canonical(String(line.dropFirst(2)))
        return try BERTNotation.canonical(found) == expected ? "both take it" : "differs: another term"
    }
}
