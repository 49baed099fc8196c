import Foundation
import TestSupport
import WireProtocols

/// Speed of the decoder, and what it does with broken messages by the million. See compare_bert.sh.
@main
struct BERTBenchmark {
    private static let usage = """
        usage: BERTBenchmark decode FRAMES PASSES     messages per second, terms only looked at
               BERTBenchmark read FRAMES PASSES       and every number and text in them read
               BERTBenchmark broken DIRECTORY COUNT   broken messages made from DIRECTORY/*.bert; CTI_BRIDGE_SEED repeats a run

        """

    static func main() {
        let arguments = CommandLine.arguments.dropFirst()
        guard arguments.count == 3, let count = Int(arguments[3]), count > 0 else { return fail(usage) }
        switch arguments[1] {
        case "decode": measure(arguments[2], passes: count) { $0.count }
        case "read": measure(arguments[2], passes: count, read)
        case "broken": breakMessages(arguments[2], count: count)
        default: fail(usage)
        }
    }

    private static func fail(_ text: String) {
        FileHandle.standardError.write(Data(text.utf8))
        exit(1)
    }

    // MARK: Speed

    /// Prints messages per second over all passes; a first pass is not counted.
    private static func measure(_ path: String, passes: Int, _ look: (BERTTerm) -> Int) {
        guard let data = FileManager.default.contents(atPath: path) else { return fail("\(path) cannot be read\n") }
        let bytes = [UInt8](data)
        let decoder = BERTDecoder()
        var sum = 0
        bytes.withUnsafeBytes { bytes in
            _ = pass(bytes, decoder, look, &sum)
            let began = ContinuousClock.now
            var messages = 0
            for _ in 0..<passes { messages += pass(bytes, decoder, look, &sum) }
            let spent = (ContinuousClock.now - began) / .seconds(1)
            print(Int(Double(messages) / spent))
        }
        // So that nothing can be left out as unused.
        if sum == 0 { fail("no terms\n") }
    }

    private static func pass(
        _ bytes: UnsafeRawBufferPointer, _ decoder: BERTDecoder, _ look: (BERTTerm) -> Int, _ sum: inout Int
    ) -> Int {
        var position = 0
        var count = 0
        while position + 4 <= bytes.count {
            let length = Int(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self)))
            let frame = UnsafeRawBufferPointer(rebasing: bytes[position + 4..<position + 4 + length])
            do {
                sum &+= look(try decoder.decode(frame))
            } catch {
                fail("frame \(count + 1): \(error)\n")
            }
            position += 4 + length
            count += 1
        }
        return count
    }

    private static func read(_ term: BERTTerm) -> Int {
        switch term.kind {
        case .tuple, .list:
            if let text = term.utf8 { return text.count }
            var sum = 0
            for element in term.elements { sum &+= read(element) }
            return sum
        case .integer: return Int(truncatingIfNeeded: term.int64 ?? 0)
        case .atom, .binary: return term.utf8?.count ?? 0
        case .float, .bits, .map, .opaque: return 1
        }
    }

    // MARK: Broken messages

    /// Memory that the process may use: what the limits allow for a message, its nodes and its inflated content, the
    /// corpus, and the program itself.
    private static let memoryLimit = 192 << 20

    private static func breakMessages(_ directory: String, count: Int) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        let seeds = names.filter { $0.hasSuffix(".bert") }.sorted()
            .compactMap { FileManager.default.contents(atPath: "\(directory)/\($0)").map { [UInt8]($0) } }
            .filter { !$0.isEmpty }
        guard !seeds.isEmpty else { return fail("no .bert files in \(directory)\n") }
        let strict = BERTDecoder()
        let loose = BERTDecoder(limits: BERTLimits(integerBytes: 1024, allowsCompressed: true))
        var mutator = BERTMutator(seeds: seeds, seed: SeededGenerator.printedSeed(for: "broken"))
        var bytes: [UInt8] = []
        var (taken, limited, terms, total) = (0, 0, 0, 0)
        var slowest = Duration.zero
        let began = ContinuousClock.now
        for _ in 0..<count {
            mutator.next(into: &bytes)
            total += bytes.count
            let start = ContinuousClock.now
            // Memory of its own and no more, so that an address sanitizer sees each read beyond it.
            let message = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
            message.copyBytes(from: bytes)
            for decoder in [strict, loose] {
                do throws(BERTError) {
                    terms += BERTWalk.count(try decoder.decode(UnsafeRawBufferPointer(message)))
                    taken += 1
                } catch {
                    limited += error.isLimit ? 1 : 0
                }
            }
            message.deallocate()
            slowest = max(slowest, ContinuousClock.now - start)
        }
        report(count, total, taken, limited, terms, slowest, ContinuousClock.now - began)
    }

    private static func report(
        _ count: Int, _ bytes: Int, _ taken: Int, _ limited: Int, _ terms: Int, _ slowest: Duration, _ spent: Duration
    ) {
        var usage = rusage()
        getrusage(Int32(RUSAGE_SELF.rawValue), &usage)
        let memory = usage.ru_maxrss * 1024
        print(
            """
            \(count) broken messages, \(bytes / 1_000_000) MB, each under two sets of limits: taken \(taken), refused by a \
            limit \(limited), \(terms) terms looked at; slowest \(slowest), \(spent) in all, \(memory / 1_000_000) MB at most
            """)
        if memory > memoryLimit { fail("more than \(memoryLimit / 1_000_000) MB\n") }
    }
}
