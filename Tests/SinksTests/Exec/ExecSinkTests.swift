import Bridge
import BridgeCore
import Foundation
import Logging
import NIOCore
import Store
import TestSupport
import Testing

@testable import Sinks

/// The sink with real programs: scripts of /bin/sh.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct ExecSinkTests {
    private let directory: TemporaryDirectory
    private let log = RecordingLog()

    init() throws { directory = try TemporaryDirectory() }

    /// Writes each line to `lines`, then its id to standard output.
    private static let acknowledger = """
        echo $$ >> pids
        while IFS= read -r line; do
            printf '%s\\n' "$line" >> lines
            id=${line#*'"id":"'}
            printf '%s\\n' "${id%%'"'*}"
        done
        """

    /// `script` runs in the directory of the test.
    private func sink(_ script: String, _ change: (inout ExecSink.Options) -> Void = { _ in }) -> ExecSink {
        var options = ExecSink.Options(command: ["sh", "-c", "cd '\(directory.path)' || exit 1\n\(script)"])
        options.environment = ["CTI_BRIDGE_TENANT": "acme", "CTI_BRIDGE_SINK": "crm"]
        options.restart = Backoff(initial: .milliseconds(20), maximum: .milliseconds(100))
        options.stopTimeout = .milliseconds(500)
        change(&options)
        return ExecSink(name: "crm", options: options, logger: log.logger)
    }

    private func opened(_ script: String, _ change: (inout ExecSink.Options) -> Void = { _ in }) async throws
        -> ExecSink
    {
        let sink = sink(script, change)
        #expect(try await sink.open(cursor: 7, stream: testStream) == 7)
        return sink
    }

    /// Runs a pump over `lines` lines while `body` does; ends it in order.
    private func pumping(
        _ sink: ExecSink, lines: Int64, policy: DeliveryPolicy? = nil,
        while body: (ScriptedFeed) async throws -> Void
    ) async throws -> ScriptedFeed {
        let feed = ScriptedFeed(lines: lines)
        let policy = policy ?? sink.policy
        let pump = SinkPump(
            sink: sink, feed: feed.feed, preparation: LinePreparation(policy: policy), policy: policy,
            metrics: SinkMetrics(), logger: log.logger)
        async let ending = pump.run()
        do {
            try await body(feed)
        } catch {
            Issue.record("\(error); \(log.all.suffix(20))")
        }
        pump.finish(within: .seconds(5))
        _ = try await ending
        return feed
    }

    private var lines: [String] { directory.text("lines").split(separator: "\n").map(String.init) }
    private var deliveredSeqs: [Int64] { seqs(in: Array(directory.text("lines").utf8)) }
    private var pids: [pid_t] { directory.text("pids").split(separator: "\n").compactMap { pid_t($0) } }

    /// Also false for a zombie that its parent, us, has not reaped.
    private func isGone(_ pid: pid_t) -> Bool { kill(pid, 0) != 0 && errno == ESRCH }

    private func reason(_ outcome: DeliveryOutcome) -> String {
        guard case .retry(_, let reason, _) = outcome else { return "\(outcome)" }
        return reason
    }

    // MARK: - Lines

    @Test func `Lines arrive in order, with tenant and sink in the environment and nothing of systemd`() async throws {
        setenv("NOTIFY_SOCKET", "/run/notify", 1)
        defer { unsetenv("NOTIFY_SOCKET") }
        let sink = try await opened(
            "echo \"$CTI_BRIDGE_TENANT $CTI_BRIDGE_SINK ${NOTIFY_SOCKET-none} $HOME\" > environment; cat > lines; echo end > end"
        )
        #expect(await sink.deliver(delivery(8...10)) == .delivered)
        #expect(await sink.deliver(delivery(11...11)) == .delivered)
        await sink.close()
        #expect(directory.text("end") == "end\n", "a program that ends by itself is waited for")
        #expect(deliveredSeqs == [8, 9, 10, 11])
        #expect(directory.text("environment") == "acme crm none \(ProcessInfo.processInfo.environment["HOME"] ?? "")\n")
    }

    @Test func `More than a pipe holds arrives whole`() async throws {
        let sink = try await opened("cat > lines")
        let batch = delivery(1...600) { line($0, text: String(repeating: "é", count: Int($0 * 7 % 3000))) }
        #expect(await sink.deliver(batch) == .delivered)
        await sink.close()
        #expect(Array(directory.text("lines").utf8) == batch.bytes)
    }

    @Test func `Every line is answered before the next delivery`() async throws {
        let sink = try await opened(Self.acknowledger) { ($0.acknowledges, $0.batchLines) = (true, 50) }
        #expect(sink.policy.batchLines == 50)
        #expect(await sink.deliver(delivery(1...50)) == .delivered)
        #expect(deliveredSeqs == Array(1...50))
        #expect(await sink.deliver(delivery(51...51)) == .delivered)
        await sink.close()
        #expect(pids.allSatisfy(isGone))
    }

    // MARK: - Ends

    @Test(arguments: [("exit 3", "ended with status 3"), ("kill -9 $$", "was ended by signal 9")])
    func `A program that ends after each line is started again, and nothing is lost`(
        end: String, told: String
    ) async throws {
        let script = Self.acknowledger.replacing("done", with: "\(end); done")
        let feed = try await pumping(sink(script) { $0.acknowledges = true }, lines: 5) { feed in
            try await eventually("all are taken", state: { "\(log.all)" }) { feed.cursor == 5 }
        }
        #expect(feed.cursor == 5)
        let seen = deliveredSeqs
        #expect(seen.count >= 5 && seen == seen.sorted() && Set(seen) == Set(1...5))
        #expect(Set(pids).count >= 5)
        #expect(log.has("warning the program is gone and is started again") && log.has(told), "\(log.all)")
        #expect(pids.allSatisfy(isGone))
    }

    @Test func `An idle program that ends is started again without a line`() async throws {
        let sink = try await opened("echo run >> runs; sleep 0.01; test $(wc -l < runs) -ge 3 && exec cat > lines")
        try await eventually("the third run", state: { "\(log.all)" }) { directory.text("runs").count >= 12 }
        try await eventually("a line is taken") { await sink.deliver(delivery(1...1)) == .delivered }
        await sink.close()
        #expect(deliveredSeqs == [1])
    }

    @Test func `While it waits for the next run, a delivery is told why and until when`() async throws {
        let sink = try await opened("exit 5") { $0.restart = Backoff(initial: .seconds(600), maximum: .seconds(600)) }
        try await eventually("its end is seen") { log.has("is started again") }
        guard case .retry(nil, let reason, let after?) = await sink.deliver(delivery(1...1)) else {
            Issue.record("no retry")
            return
        }
        #expect(reason == "the program ended with status 5" && after > .seconds(1))
        await sink.close()
    }

    @Test func `A program killed in the middle loses nothing, and repeats are equal`() async throws {
        let random = SeededGenerator.printedSeed(for: "kills")
        var generator = SeededGenerator(seed: random)
        let sink = sink(Self.acknowledger) { ($0.acknowledges, $0.batchLines) = (true, 20) }
        let feed = try await pumping(sink, lines: 3000) { feed in
            var killed: Set<pid_t> = []
            while killed.count < 6, feed.cursor < 3000 {
                let target = feed.cursor + Int64.random(in: 20...300, using: &generator)
                try await eventually("some lines more") { feed.cursor >= min(target, 3000) }
                guard let pid = pids.last, killed.insert(pid).inserted else { continue }
                kill(pid, SIGKILL)
            }
            try await eventually("all are taken", within: .seconds(60)) { feed.cursor == 3000 }
            #expect(killed.count > 2)
        }
        #expect(feed.cursor == 3000)
        // A line that was being written when the program was killed may be torn: what follows is joined to it.
        let expected = (1...3000).map { String(decoding: line($0).dropLast(), as: UTF8.self) }
        let whole = lines.filter { Set(expected).contains($0) }
        var first: [String] = []
        var seen: Set<String> = []
        for line in whole where seen.insert(line).inserted { first.append(line) }
        #expect(first == expected)
        #expect(whole.count < 3000 + 8 * 20)
    }

    // MARK: - Refusals

    @Test func `What is refused for good becomes a dead letter, what is not wanted now comes again`() async throws {
        let script = """
            while IFS= read -r line; do
                id=${line#*'"id":"'}; id=${id%%'"'*}
                case $line in
                *'"seq":3,'*) echo "reject $id unknown agent"; continue ;;
                *'"seq":5,'*) test -e asked || { touch asked; echo "retry $id later"; continue; } ;;
                esac
                printf '%s\\n' "$line" >> lines; echo "$id"
            done
            """
        let feed = try await pumping(sink(script) { $0.acknowledges = true }, lines: 8) { feed in
            try await eventually("all are done with", state: { "\(log.all)" }) { feed.cursor == 8 }
        }
        #expect(deliveredSeqs == [1, 2, 4, 5, 6, 7, 8])
        #expect(feed.ledger.all.map(\.seq) == [3])
        #expect(feed.ledger.all.first?.reason.contains("unknown agent") == true)
    }

    @Test(
        arguments: [
            ("read line; echo rubbish; sleep 600", "answered 'rubbish', where"),
            ("read line; head -c 3000 /dev/zero; sleep 600", "answered an empty line"),
            ("cat > /dev/null", "took and answered nothing within"),
            ("read line; exit 0", "the program ended with status 0"),
        ])
    func `A program that does not answer as it should is told why and started anew`(
        script: String, told: String
    ) async throws {
        let sink = try await opened("echo $$ >> pids; \(script)") {
            ($0.acknowledges, $0.timeout) = (true, .milliseconds(400))
        }
        let outcome = await sink.deliver(delivery(1...1))
        #expect(reason(outcome).contains(told), "\(outcome)")
        try await eventually("another run", state: { "\(log.all)" }) { pids.count >= 2 && isGone(pids[0]) }
        await sink.close()
        #expect(pids.allSatisfy(isGone))
    }

    @Test func `Output that nobody asked for ends the run`() async throws {
        let sink = try await opened("echo $$ >> pids; echo hello; exec sleep 600") { $0.acknowledges = true }
        try await eventually("it is told", state: { "\(log.all)" }) {
            log.has("the program wrote 'hello' though it was asked nothing and was ended by signal 15")
        }
        await sink.close()
    }

    // MARK: - Slow and stuck programs

    @Test func `A program that never reads is ended after a time, and the lines come again`() async throws {
        let sink = try await opened(
            "echo $$ >> pids; test -e slow || { touch slow; exec sleep 600; }; exec cat > lines"
        ) {
            $0.timeout = .milliseconds(300)
        }
        let batch = delivery(1...400) { line($0, text: String(repeating: "x", count: 400)) }
        let outcome = await sink.deliver(batch)
        #expect(reason(outcome).contains("the program took nothing within"), "\(outcome)")
        #expect(outcome == .retry(through: nil, reason: reason(outcome)))
        try await eventually("the next run takes them", state: { "\(log.all)" }) {
            await sink.deliver(batch) == .delivered
        }
        await sink.close()
        #expect(deliveredSeqs == Array(1...400))
        #expect(pids.count == 2 && pids.allSatisfy(isGone))
    }

    @Test func `A slow program gets all the time it needs while it goes on reading`() async throws {
        let slow = try await opened(
            "i=0; while test $i -lt 60; do dd bs=4096 count=1 2>/dev/null; sleep 0.02; i=$((i + 1)); done > lines; cat >> lines"
        ) {
            $0.timeout = .milliseconds(900)
        }
        let batch = delivery(1...250) { line($0, text: String(repeating: "x", count: 400)) }
        #expect(await slow.deliver(batch) == .delivered)
        await slow.close()
        #expect(Array(directory.text("lines").utf8) == batch.bytes)
    }

    @Test func `A program that closes its input and stays is ended`() async throws {
        let sink = try await opened("echo $$ >> pids; exec <&-; exec sleep 600")
        try await eventually("it is told", state: { "\(log.all)" }) {
            log.has("the program closed its standard input and was ended by signal 15")
        }
        await sink.close()
        #expect(pids.allSatisfy(isGone))
    }

    @Test func `A cancelled delivery ends at once, and the next one works with another run`() async throws {
        let sink = try await opened(
            "echo $$ >> pids; test -e slow || { touch slow; exec sleep 600; }; exec cat > lines")
        let batch = delivery(1...400) { line($0, text: String(repeating: "x", count: 400)) }
        let outcome = await withTaskGroup(of: DeliveryOutcome.self) { group in
            group.addTask { await sink.deliver(batch) }
            try? await eventually("it runs") { pids.count == 1 }
            group.cancelAll()
            return await group.next()
        }
        #expect(outcome == .retry(through: nil, reason: "stopped before the program took it"))
        try await eventually("the next one works") { await sink.deliver(delivery(1...2)) == .delivered }
        await sink.close()
        #expect(deliveredSeqs == [1, 2])
    }

    // MARK: - Stop, SIGHUP

    @Test func `A program that neither ends with its input nor by SIGTERM is killed with all it started`() async throws
    {
        let sink = try await opened(
            "trap '' TERM; echo $$ >> pids; sleep 600 & echo $! >> pids; while :; do sleep 600; done")
        try await eventually("it runs") { pids.count == 2 }
        await sink.close()
        #expect(isGone(pids[0]))
        try await eventually("its child is gone") {
            let state = try? String(contentsOfFile: "/proc/\(pids[1])/stat", encoding: .utf8)
            return state.map { $0.contains(") Z ") } ?? true
        }
        #expect(log.has("the program does not end and is killed"))
    }

    @Test func `A program gets its time after the end of its input`() async throws {
        let sink = try await opened("cat > lines; sleep 0.2; echo done > done") { $0.stopTimeout = .seconds(30) }
        #expect(await sink.deliver(delivery(1...3)) == .delivered)
        await sink.close()
        #expect(directory.text("done") == "done\n" && deliveredSeqs == [1, 2, 3])
    }

    @Test func `SIGHUP starts it anew in order, between two deliveries`() async throws {
        let sink = try await opened("echo $$ >> pids; cat >> lines; echo end >> ends")
        #expect(await sink.deliver(delivery(1...3)) == .delivered)
        sink.reopen()
        #expect(await sink.deliver(delivery(4...5)) == .delivered)
        await sink.close()
        #expect(deliveredSeqs == [1, 2, 3, 4, 5])
        #expect(Set(pids).count == 2 && directory.text("ends") == "end\nend\n")
    }

    // MARK: - Around it

    @Test func `It inherits no descriptor, and none is left here`() async throws {
        let before = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
        for _ in 0..<5 {
            let sink = try await opened("ls /proc/$$/fd > descriptors; cat") { $0.acknowledges = true }
            await sink.close()
        }
        let own = Set(directory.text("descriptors").split(separator: "\n"))
        #expect(own.isSubset(of: ["0", "1", "2", "10", "255"]) && own.contains("0"), "\(own)")
        try await eventually("all are closed", state: { "\(before)" }) {
            try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count <= before
        }
    }

    @Test func `Its words on standard error go to the log, cut where they are long`() async throws {
        let sink = try await opened(
            "echo 'no queue' >&2; head -c 5000 /dev/zero | tr '\\0' y >&2; echo >&2; printf last >&2; cat")
        try await eventually("they are there", state: { "\(log.all)" }) { log.has("stderr=yyy") }
        await sink.close()
        #expect(log.has("info the program says {program=sh, stderr=no queue}"))
        #expect(log.has("stderr=\(String(repeating: "y", count: 1024))…"))
        #expect(log.has("stderr=last"))
        #expect(!log.has(String(repeating: "y", count: 1025)))
    }

    @Test func `A program that is not there is no reason to give up`() async throws {
        var options = ExecSink.Options(command: ["/no/such/program"])
        options.restart = Backoff(initial: .milliseconds(10), maximum: .milliseconds(10))
        let sink = ExecSink(name: "crm", options: options, logger: log.logger)
        do {
            _ = try await sink.open(cursor: 0, stream: testStream)
            Issue.record("opened")
        } catch {
            #expect("\(error)" == "the program /no/such/program cannot be started: No such file or directory")
        }
        await sink.close()
        // One that vanishes later is waited for.
        try directory.write("program", "#!/bin/sh\nread line\nexit 0\n")
        chmod(directory.file("program"), 0o700)
        options.command = [directory.file("program")]
        let other = ExecSink(name: "crm", options: options, logger: log.logger)
        _ = try await other.open(cursor: 0, stream: testStream)
        try FileManager.default.removeItem(atPath: directory.file("program"))
        #expect(await other.deliver(delivery(1...1)) == .delivered)
        try await eventually("it is told") { log.has("cannot be started: No such file or directory") }
        try directory.write("program", "#!/bin/sh\nexec cat > \(directory.file("lines"))\n")
        chmod(directory.file("program"), 0o700)
        try await eventually("it runs again") { await other.deliver(delivery(2...2)) == .delivered }
        await other.close()
        #expect(deliveredSeqs == [2])
    }
}
