import Codecs
import TestSupport
import Testing

@testable import CallModel

@Suite("Table of calls")
struct CallTableTests {
    @Test func `Finds what was put in and not taken out, like a dictionary`() {
        var random = SeededGenerator(seed: SeededGenerator.printedSeed(for: "call table"))
        let source = CallTracker.Source(
            profile: SourceProfile(vendor: "teleforge", name: "cape"), recentIDs: BoundedMap(limit: 1))
        var table = CallTable()
        var calls: [CallState] = []
        var free: [Int] = []
        var known: [String: Int] = [:]
        for _ in 0..<20_000 {
            let vendorID = String(Int.random(in: 0..<600, using: &random))
            let name = CallName(vendorID, of: source)
            #expect(table.slot(of: name, in: calls) == known[vendorID])
            if let slot = known[vendorID] {
                guard Bool.random(using: &random) else { continue }
                table.remove(name.hash, slot: slot)
                known[vendorID] = nil
                free.append(slot)
            } else {
                let time = Timestamp(microseconds: 0)
                let call = CallState(id: name.id, hash: name.hash, source: 0, at: time, receivedAt: time)
                let slot = free.popLast() ?? calls.count
                if slot == calls.count { calls.append(call) } else { calls[slot] = call }
                table.insert(name.hash, slot: slot)
                known[vendorID] = slot
            }
        }
        #expect(table.count == known.count)
        for (vendorID, slot) in known {
            #expect(table.slot(of: CallName(vendorID, of: source), in: calls) == slot)
        }
    }

    @Test func `The hash of a name is that of its id, whatever its length`() {
        let source = CallTracker.Source(
            profile: SourceProfile(vendor: "basix", name: "tokyo"), recentIDs: BoundedMap(limit: 1))
        for length in 0..<40 {
            let name = CallName(String(repeating: "é", count: length), of: source)
            #expect(name.hash == TextHash(name.id))
        }
    }
}
