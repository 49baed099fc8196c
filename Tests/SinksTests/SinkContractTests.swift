import Bridge
import BridgeCore
import Codecs
import Glibc
import Logging
import Sinks
import Synchronization
import TestSupport
import Testing
import Transport

/// A sink under the contract, and what has arrived at its destination.
final class ContractSubject: Sendable {
    enum Kind: String, CaseIterable {
        case stdoutToPipe, stdoutToFile, file, exec, redisStream, redisList
    }

    let sink: any Sink
    private let directory: TemporaryDirectory
    private let pipe: TestPipe?
    private let redis: RedisServer?
    private let arrived = Mutex<[UInt8]>([])

    /// Nil, with a printed reason, where the destination is not installed.
    init?(_ kind: Kind) async throws {
        directory = try TemporaryDirectory()
        redis = kind == .redisStream || kind == .redisList ? try await RedisServer.start() : nil
        let path = directory.file("lines.jsonl")
        switch kind {
        case .stdoutToPipe:
            let pipe = TestPipe()
            (sink, self.pipe) = (try StdoutSink(name: "lines", descriptor: pipe.writeEnd), pipe)
        case .stdoutToFile:
            let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
            (sink, pipe) = (try StdoutSink(name: "lines", descriptor: descriptor), nil)
        case .file:
            let options = FileSink.Options(path: try FilePathTemplate(path), tenant: "acme", sync: .never)
            (sink, pipe) = (try FileSink(name: "lines", options: options, now: { noon }), nil)
        case .redisStream, .redisList:
            guard let redis else { return nil }
            let name = try LineTemplate("lines")
            let options = RedisSink.Options(
                server: RedisConnectionConfiguration(endpoint: RedisEndpoint(unixPath: redis.socketPath)),
                destination: kind == .redisList ? .list(name, .right, length: nil) : .stream(name, nil))
            (sink, pipe) = (RedisSink(name: "lines", options: options, logger: Logger(label: "test")), nil)
        case .exec:
            let script =
                #"while IFS= read -r l; do printf '%s\n' "$l" >> "$1"; i=${l#*'"id":"'}; echo "${i%%'"'*}"; done"#
            var options = ExecSink.Options(command: ["sh", "-c", script, "sh", path])
            options.acknowledges = true
            options.batchLines = 10
            (sink, pipe) = (ExecSink(name: "lines", options: options, logger: Logger(label: "test")), nil)
        }
    }

    /// The numbers of all lines that a reader has by now.
    var seqs: [Int64] {
        if let redis { return redis.seqs(of: "lines") }
        guard let pipe else { return SinksTests.seqs(inFile: directory.file("lines.jsonl")) }
        return arrived.withLock { arrived in
            arrived += readAvailable(pipe.readEnd)
            return SinksTests.seqs(in: arrived)
        }
    }
}

/// Passes lines on to a sink, and now and then takes a part of a batch only.
private final class Hesitant: Sink {
    let name = "hesitant"
    let needsThread = true
    private let inner: any Sink
    private let random: Mutex<SeededGenerator>

    init(_ inner: any Sink, seed: UInt64) {
        self.inner = inner
        random = Mutex(SeededGenerator(seed: seed))
    }

    func open(cursor: Int64, stream: UUID128) async throws -> Int64 {
        try await inner.open(cursor: cursor, stream: stream)
    }

    func deliver(_ batch: DeliveryBatch) async -> DeliveryOutcome {
        let count = random.withLock { random in Int.random(in: 0...batch.seqs.count, using: &random) }
        guard count < batch.seqs.count else { return await inner.deliver(batch) }
        guard count > 0 else { return .retry(through: nil, reason: "not now") }
        let part = DeliveryBatch(
            bytes: Array(batch.bytes[..<batch.ends[count - 1]]), ends: Array(batch.ends[..<count]),
            seqs: Array(batch.seqs[..<count]), throughSeq: batch.seqs[count - 1])
        let outcome = await inner.deliver(part)
        return outcome == .delivered ? .retry(through: part.throughSeq, reason: "a part only") : outcome
    }

    func reopen() { inner.reopen() }
    func close() async { await inner.close() }
}

@Suite(.timeLimit(.minutes(2)))
struct SinkContractTests {
    private func pump(_ sink: any Sink, _ feed: ScriptedFeed, _ clock: ManualClock) -> SinkPump {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return SinkPump(
            sink: sink, feed: feed.feed, preparation: LinePreparation(policy: sink.policy), metrics: SinkMetrics(),
            logger: logger,
            clock: clock)
    }

    @Test(arguments: ContractSubject.Kind.allCases)
    func `Lines arrive once and in order, and the cursor never leads them`(kind: ContractSubject.Kind) async throws {
        guard let subject = try await ContractSubject(kind) else { return }
        let leads = Counter()
        let feed = ScriptedFeed(lines: 1) { cursor in
            if (subject.seqs.last ?? 0) < cursor { leads.add() }
        }
        let pump = pump(subject.sink, feed, ManualClock())
        async let ending = pump.run()
        for count in [1, 30, 2, 60] as [Int64] {
            let before = feed.feed.lastSeq()
            feed.commit(count)
            try await eventually("caught up") { feed.cursor == before + count }
        }
        pump.finish(within: .seconds(5))
        #expect(try await ending == .finished)
        #expect(subject.seqs == Array(1...94))
        #expect(leads.current == 0)
    }

    @Test(arguments: ContractSubject.Kind.allCases)
    func `A retry goes on at the right line`(kind: ContractSubject.Kind) async throws {
        guard let subject = try await ContractSubject(kind) else { return }
        let seed = SeededGenerator.printedSeed(for: "retries of \(kind)")
        let clock = ManualClock()
        let feed = ScriptedFeed()
        let pump = pump(Hesitant(subject.sink, seed: seed), feed, clock)
        async let ending = pump.run()
        for _ in 0..<20 {
            feed.commit(20)
            try await eventually("caught up") {
                clock.advance(by: .seconds(5))
                return feed.cursor == feed.feed.lastSeq()
            }
            _ = subject.seqs
        }
        pump.finish(within: .seconds(3600))
        #expect(try await ending == .finished)
        #expect(subject.seqs == Array(1...400))
    }

    @Test(arguments: ContractSubject.Kind.allCases)
    func `Opening never goes below the cursor, and reopening and closing lose nothing`(kind: ContractSubject.Kind)
        async throws
    {
        guard let subject = try await ContractSubject(kind) else { return }
        #expect(try await subject.sink.open(cursor: 10, stream: testStream) == 10)
        #expect(await subject.sink.deliver(delivery(11...12)) == .delivered)
        subject.sink.reopen()
        #expect(await subject.sink.deliver(delivery(13...14)) == .delivered)
        await subject.sink.close()
        #expect(subject.seqs == [11, 12, 13, 14])
    }
}
