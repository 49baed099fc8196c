import BridgeCore
import NIOCore
import Sinks
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct FeedSinkTests {
    private let bench = FeedBench()

    private func reader(_ start: FeedStart, _ filter: FeedFilter = FeedFilter()) throws -> FeedReading {
        FeedReading(try #require(bench.feed.reader(from: start, filter: filter)))
    }

    private func open(cursor: Int64 = 0) { _ = bench.feed.open(cursor: cursor, stream: testStream) }

    @Test func `A reader begins with the next line, behind a line, or with the oldest`() async throws {
        open()
        await bench.offer(5)
        var (live, later, all) = (try reader(.now), try reader(.after(3)), try reader(.after(0)))
        await bench.offer(2)
        await live.read(2)
        await later.read(4)
        await all.read(7)
        #expect(live.seqs == [6, 7])
        #expect(later.seqs == [4, 5, 6, 7])
        #expect(all.seqs == [1, 2, 3, 4, 5, 6, 7])
        #expect(bench.feed.readerCount.current == 3)
        for reading in [live, later, all] { reading.reader.leave() }
        #expect(bench.feed.readerCount.current == 0)
    }

    @Test func `Who has lines that were stored and not offered yet goes on behind them`() async throws {
        open()
        await bench.offer(2)
        let waiting = bench.commit(3)
        var ahead = try reader(.after(4))
        var behind = try reader(.after(1))
        _ = await bench.feed.deliver(waiting)
        await ahead.read(1)
        await behind.read(4)
        #expect(ahead.seqs == [5] && behind.seqs == [2, 3, 4, 5])
    }

    @Test func `Live lines come from memory, and the store is not read for them`() async throws {
        open()
        var live = try reader(.now)
        for _ in 0..<100 { await bench.offer() }
        await live.read(100)
        #expect(live.seqs == Array(1...100) && bench.reads == 0)
    }

    @Test func `Who lags further than memory reaches reads the store, without a hole`() async throws {
        open()
        var (quick, slow) = (try reader(.now), try reader(.now))
        let padding = String(repeating: "x", count: 20_000)
        for _ in 0..<60 {
            await bench.offer(10) { line($0, text: padding) }
            await quick.step()
        }
        await slow.read(600)
        await quick.read(600)
        #expect(slow.seqs == Array(1...600) && quick.seqs == Array(1...600))
        #expect(bench.reads > 0, "12 MB are more than memory holds")
        let reads = bench.reads
        await bench.offer(3)
        await slow.read(603)
        #expect(slow.seqs.suffix(3) == [601, 602, 603] && bench.reads == reads, "and is live again")
    }

    @Test func `Readers that come and go at random get each line once and in order`() async throws {
        open()
        var random = SeededGenerator(seed: SeededGenerator.printedSeed(for: "readers of a feed"))
        var got: [[Int64]] = Array(repeating: [], count: 8)
        var present: [FeedReading?] = Array(repeating: nil, count: 8)
        for _ in 0..<600 {
            let index = Int.random(in: 0..<8, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: await bench.offer(Int64.random(in: 1...30, using: &random))
            case 1:
                present[index]?.reader.leave()
                if let reading = present[index] { got[index] += reading.seqs }
                present[index] = nil
            default:
                if present[index] == nil { present[index] = try reader(.after(got[index].last ?? 0)) }
                // Of a connection that breaks, whole events count only.
                let has = (got[index].last ?? 0) + Int64(present[index]?.seqs.count ?? 0)
                if has < bench.last { await present[index]?.step() }
            }
        }
        for index in 0..<8 {
            var reading = try present[index] ?? reader(.after(got[index].last ?? 0))
            await reading.read(Int(bench.last) - got[index].count)
            #expect(got[index] + reading.seqs == Array(1...bench.last))
        }
    }

    @Test func `Lines that are no longer stored are told as a gap, a position of another store as such`() async throws {
        open()
        await bench.offer(20)
        bench.remove(below: 11)
        var (old, foreign, all) = (try reader(.after(3)), try reader(.after(4711)), try reader(.after(0)))
        await old.read(11)
        #expect(old.events[0] == .init(event: "notice", data: #"{"notice":"gap","from_seq":4,"through_seq":10}"#))
        #expect(old.seqs.dropFirst().elementsEqual(11...20))
        await foreign.read(11)
        let notice = #"{"notice":"unknown_position","since":4711,"last_seq":20}"#
        #expect(foreign.events[0] == .init(event: "notice", data: notice))
        #expect(foreign.seqs.dropFirst().elementsEqual(11...20))
        await all.read(10)
        #expect(all.seqs == Array(11...20), "who asks for everything there is misses nothing")
    }

    @Test func `Retention behind a reader who lags is told as well`() async throws {
        open()
        await bench.offer(10)
        var lagging = try reader(.after(0))
        await lagging.read(1)
        let has = try #require(lagging.seqs.last)
        let padding = String(repeating: "x", count: 20_000)
        for _ in 0..<50 { await bench.offer(10) { line($0, text: padding) } }
        bench.remove(below: 400)
        await lagging.read(Int(has) + 1 + 111)
        #expect(lagging.events[Int(has)].data == #"{"notice":"gap","from_seq":\#(has + 1),"through_seq":399}"#)
        #expect(lagging.seqs.suffix(111).elementsEqual(400...510))
    }

    @Test func `A filter takes away lines, and never the position`() async throws {
        open()
        var odd = try reader(.after(0), FeedFilter(wanted: LineCriteria(agents: ["1"])))
        for _ in 0..<10 { await bench.offer(10) { feedLine($0, agent: "\($0 % 2)") } }
        await odd.read(50)
        #expect(odd.seqs == stride(from: 1, through: 99, by: 2).map { Int64($0) })
        await bench.offer { feedLine($0, agent: "0") }
        odd.reader.raise(.keepAlive)
        await odd.step()
        #expect(odd.keepAlives == 1 && odd.cursor.position == 101)
    }

    @Test func `What an operator replays comes to those who are there, and moves nobody`() async throws {
        open()
        var live = try reader(.now)
        await bench.offer(5)
        await live.read(5)
        _ = await bench.feed.deliver(delivery(2...3))
        await bench.offer()
        await live.read(8)
        #expect(live.seqs == [1, 2, 3, 4, 5, -1, -1, 6])
        #expect(live.events[5].data.contains("\"seq\":2,"))
    }

    @Test func `At SIGHUP and at the stop readers get what is in memory, and the end`() async throws {
        #expect(bench.feed.reader(from: .now, filter: FeedFilter()) == nil, "it is not open yet")
        open()
        await bench.offer(3)
        var (live, behind) = (try reader(.now), try reader(.after(0)))
        await bench.offer(2)
        bench.feed.reopen()
        await live.read(99)
        await behind.read(99)
        #expect(live.seqs == [4, 5] && live.isOver)
        #expect(behind.seqs.isEmpty && behind.isOver, "the store is read when he comes again")
        var again = try reader(.after(5))
        await bench.offer()
        await bench.feed.close()
        await again.read(99)
        #expect(again.seqs == [6] && again.isOver)
        #expect(bench.feed.reader(from: .now, filter: FeedFilter()) == nil)
    }

    @Test func `A reader ends when he leaves, when his task is cancelled, and when the store cannot be read`()
        async throws
    {
        open()
        await bench.offer(3)
        var gone = try reader(.after(0))
        gone.reader.leave(isDropped: true)
        await gone.read(1)
        #expect(gone.isOver && gone.seqs.isEmpty && bench.feed.droppedCount.current == 1)
        let waiting = try reader(.now)
        let task = Task {
            var waiting = waiting
            await waiting.read(1)
            return waiting.isOver
        }
        task.cancel()
        #expect(await task.value)
        bench.breakStore()
        var broken = try reader(.after(0))
        await broken.read(1)
        #expect(broken.isOver && broken.seqs.isEmpty)
    }
}
