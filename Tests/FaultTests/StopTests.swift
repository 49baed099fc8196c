import Foundation
import TestSupport
import Testing

extension FaultTests {
    @Suite struct StopTests {
        /// A pipe that nobody reads until told to.
        private final class StuckPipe {
            let reading: Int32
            let writing: Int32

            init() throws {
                var ends: [Int32] = [0, 0]
                guard pipe(&ends) == 0 else { throw SystemCallError("pipe") }
                (reading, writing) = (ends[0], ends[1])
                for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
                _ = fcntl(reading, F_SETFL, O_NONBLOCK)
            }

            deinit {
                close(reading)
                close(writing)
            }

            func read() -> [UInt8] {
                var result: [UInt8] = []
                var chunk = [UInt8](repeating: 0, count: 65_536)
                while case let count = Foundation.read(reading, &chunk, chunk.count), count > 0 {
                    result += chunk[..<count]
                }
                return result
            }

            /// No room for one more byte: short writes fill a pipe before its size in bytes is reached.
            var isFull: Bool {
                var request = pollfd(fd: writing, events: Int16(POLLOUT), revents: 0)
                return poll(&request, 1, 0) == 0
            }
        }

        @Test(.timeLimit(.minutes(5)))
        func `SIGTERM in the middle of a drain delivers what was taken, exits 0 and keeps the rest`() async throws {
            let seed = SeededGenerator.printedSeed(for: "drain at SIGTERM")
            guard let scene = try await FaultScene(seed: seed) else { return }
            try scene.configure(sinks: [scene.fileSink(scene.linesPath)])
            try scene.push(20_000)
            let daemon = try scene.start()
            try await eventually("the backlog shrinks", state: { daemon.state }) { try scene.waiting() < 20_000 }
            #expect(try await daemon.terminate(within: .seconds(30)) == .code(0), "\(daemon.state)")
            try scene.judge.read(scene.linesPath)
            #expect(scene.judge.unfinished.isEmpty && scene.judge.events > 0)
            // Whatever was stored was also delivered, and only that was taken off the lists.
            try await scene.expectStoreAgrees()
            print("drain at SIGTERM: \(try scene.waiting()) elements were left in Redis")
            try daemon.restart()
            try await scene.awaitDelivery(by: daemon, within: .seconds(120))
            #expect(try await daemon.terminate() == .code(0), "\(daemon.state)")
            try scene.judge.read(scene.linesPath)
            scene.expectNoFaults("seed \(seed)")
            #expect(scene.judge.repeats == 0)
        }

        @Test(.timeLimit(.minutes(5)))
        func `A second SIGTERM ends a drain that cannot finish, at once and without loss`() async throws {
            let seed = SeededGenerator.printedSeed(for: "second SIGTERM")
            guard let scene = try await FaultScene(seed: seed) else { return }
            try scene.configure(sinks: ["{ name: lines, type: stdout }"])
            try scene.push(2000)
            let systemd = try DatagramListener(scene.directory.file("notify"))
            let stuck = try StuckPipe()
            let daemon = try scene.start(
                output: .descriptor(stuck.writing), environment: ["NOTIFY_SOCKET": scene.directory.file("notify")])
            try await eventually("the pipe is full", state: { daemon.state }) { stuck.isFull }
            try await eventually("all is stored", within: .seconds(60), state: { daemon.state }) {
                try scene.waiting() == 0
            }
            daemon.child.signal(SIGTERM)
            try await eventually("STOPPING is told", state: { daemon.state }) {
                while let message = systemd.next() { if message["STOPPING"] == "1" { return true } }
                return false
            }
            #expect(daemon.isRunning, "a stuck reader must be waited for until the limit; \(daemon.state)")
            let clock = ContinuousClock()
            let asked = clock.now
            let exit = try await daemon.terminate(within: .seconds(10))
            print("second SIGTERM: \(exit) after \(clock.now - asked)")
            #expect(clock.now - asked < .seconds(3))
            scene.judge.take(stuck.read())
            scene.judge.dropUnfinished()

            let next = try scene.start(output: .file(scene.linesPath))
            try await scene.awaitDelivery(by: next, within: .seconds(60))
            #expect(try await next.terminate() == .code(0), "\(next.state)")
            try scene.judge.read(scene.linesPath)
            print("second SIGTERM: \(scene.judge.summary)")
            scene.expectNoFaults("seed \(seed)")
        }

        @Test(.timeLimit(.minutes(5)))
        func `A daemon whose only reader goes away, as head does, ends quietly`() async throws {
            guard let scene = try await FaultScene(seed: 1) else { return }
            try scene.configure(sinks: ["{ name: lines, type: stdout }"])
            try scene.push(5000)
            let shell = try ChildProcess(
                "bash",
                [
                    "-c", #""$0" run "$1" 2>"$2" | head -n 3 >"$3"; echo "${PIPESTATUS[0]}" >>"$3""#, scene.binary,
                    scene.configurationPath, scene.directory.file("err"), scene.directory.file("out"),
                ], environment: ["HOME": scene.directory.path])
            _ = try await shell.wait(within: .seconds(30), state: { scene.directory.text("err") })
            let lines = scene.directory.text("out").split(separator: "\n")
            #expect(lines.count == 4 && lines.last == "0", "\(lines.last ?? "nothing"): \(scene.directory.text("err"))")
            #expect(!scene.directory.text("err").contains(" error "), "\(scene.directory.text("err"))")
        }
    }
}
