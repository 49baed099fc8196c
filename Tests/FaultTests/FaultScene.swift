import Foundation
import TestSupport
import Testing

/// All fault tests, one after the other: each needs the machine for itself.
@Suite(.serialized) enum FaultTests {}

/// Producer, oracle and judge around a real daemon and a real redis-server.
final class FaultScene {
    let redis: RedisServer
    let directory: TemporaryDirectory
    let binary: String
    var judge = LineJudge()
    private var elements: TeleforgeElements

    /// nil, with a printed reason, where redis-server is missing.
    init?(seed: UInt64, durableRedis: Bool = false, tls: RedisServer.TLS? = nil) async throws {
        guard let redis = try await RedisServer.start(durable: durableRedis || tls != nil, tls: tls) else { return nil }
        (binary, self.redis, directory) = (try DaemonProcess.binary(), redis, try TemporaryDirectory())
        elements = TeleforgeElements(seed: seed)
    }

    // MARK: Configuration

    /// The file of the sink `lines`.
    var linesPath: String { directory.file("lines.jsonl") }
    var configurationPath: String { directory.file("fault.yaml") }

    /// Writes the tenant's file: one Teleforge source with `sourceKeys` besides, and these sinks.
    func configure(sinks: [String], sourceKeys: [String] = [], store: String? = nil) throws {
        let text = """
            tenant: fault
            sources:
              - name: cape
                vendor: teleforge
                redis: \(redis.url)
                lists: [inbound, cdr]
            \(sourceKeys.map { "    \($0)" }.joined(separator: "\n"))
            sinks:
            \(sinks.map { "  - \($0)" }.joined(separator: "\n"))
            store: { path: \(store ?? directory.file("store.sqlite")) }
            log: { level: info, format: text }

            """
        try directory.write("fault.yaml", text)
    }

    func fileSink(_ path: String, name: String = "lines") -> String { "{ name: \(name), type: file, path: \(path) }" }

    /// Starts the daemon on the written configuration.
    func start(
        output: ChildProcess.Stream? = nil, environment: [String: String] = [:]
    ) throws -> DaemonProcess {
        try DaemonProcess(
            binary: binary, ["run", configurationPath], directory: directory, environment: environment, output: output)
    }

    // MARK: Producer

    /// Pushes notifications and records of as many calls, in one go.
    func push(_ count: Int) throws {
        let client = try redis.client()
        var inbound: [String] = []
        var records: [String] = []
        for number in 0..<count {
            if number % 4 == 3 {
                let element = elements.record()
                judge.expect(element, kinds: LineJudge.recordKinds)
                records.append(element.json)
            } else {
                let element = elements.inbound()
                judge.expect(element, kinds: LineJudge.inboundKinds)
                inbound.append(element.json)
            }
        }
        try client.push(TeleforgeElements.inboundList, inbound)
        try client.push(TeleforgeElements.recordList, records)
    }

    /// Elements that still wait in Redis.
    func waiting() throws -> Int {
        let client = try redis.client()
        return try client.length(TeleforgeElements.inboundList) + client.length(TeleforgeElements.recordList)
    }

    /// The instant is the input of tests that kill.
    func pause(_ milliseconds: ClosedRange<Int>, _ random: inout SeededGenerator) async throws {
        let range = milliseconds.lowerBound * 1000...milliseconds.upperBound * 1000
        try await Task.sleep(for: .microseconds(Int.random(in: range, using: &random)))
    }

    // MARK: Judgement

    /// Waits until everything sent was delivered to `path` and taken off the lists.
    func awaitDelivery(to path: String? = nil, by daemon: DaemonProcess, within limit: Duration) async throws {
        let path = path ?? linesPath
        try await eventually(
            "all is delivered", within: limit, state: { "\(judge.summary); \(daemon.state)" },
            condition: {
                guard daemon.isRunning else { throw TestFailure(description: daemon.state) }
                try judge.read(path)
                return try judge.isComplete && waiting() == 0
            })
    }

    /// The stored events, as the `events` command prints them, must tell the same story without a single repeat.
    func expectStoreAgrees() async throws {
        let output = directory.file("events.out")
        let errors = directory.file("events.err")
        let child = try ChildProcess(
            binary, ["events", "--config", configurationPath], output: .file(output), errors: .file(errors))
        let exit = try await child.wait(within: .seconds(60), state: { directory.text("events.err") })
        #expect(exit == .code(0), "\(directory.text("events.err"))")
        let stored = try lineCount(of: output)
        #expect(stored == judge.events, "stored \(stored), delivered \(judge.events)")
    }

    func lineCount(of path: String) throws -> Int {
        try Data(contentsOf: URL(fileURLWithPath: path)).withUnsafeBytes { bytes in
            var count = 0
            guard var position = bytes.baseAddress else { return 0 }
            let end = position + bytes.count
            while let newline = memchr(position, 10, end - position) {
                count += 1
                position = UnsafeRawPointer(newline) + 1
            }
            return count
        }
    }

    /// Nothing lost, nothing unknown, no promise broken.
    func expectNoFaults(_ comment: Comment? = nil) {
        #expect(judge.faults.isEmpty, comment)
        #expect(judge.lost.isEmpty, comment)
    }
}
