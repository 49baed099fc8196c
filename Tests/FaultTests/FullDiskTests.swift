import Foundation
import TestSupport
import Testing

extension FaultTests {
    @Suite struct FullDiskTests {
        private func size(_ path: String) -> Int {
            (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? -1
        }

        @Test(.timeLimit(.minutes(5)))
        func `A file sink on a full disk waits, disturbs nobody, and goes on when there is room`() async throws {
            let seed = SeededGenerator.printedSeed(for: "full sink")
            guard let scene = try await FaultScene(seed: seed),
                let disk = try await TinyFileSystem.mount(kilobytes: 16 * 1024)
            else { return }
            try disk.fill(leaving: 256)
            let onDisk = "\(disk.path)/lines.jsonl"
            try scene.configure(sinks: [scene.fileSink(onDisk), scene.fileSink(scene.linesPath, name: "other")])
            try scene.push(3000)
            let daemon = try scene.start()
            // The other sink gets everything, and the source is drained, while this one has no room.
            try await scene.awaitDelivery(by: daemon, within: .seconds(120))
            scene.expectNoFaults("the other sink, seed \(seed)")
            try await eventually("the disk is full", state: { "\(disk.free()) bytes free; \(daemon.state)" }) {
                disk.free() < 8192
            }
            try disk.release()
            try await eventually("the rest follows", within: .seconds(120), state: { daemon.state }) {
                daemon.isRunning && size(onDisk) == size(scene.linesPath)
            }
            #expect(try await daemon.terminate() == .code(0), "\(daemon.state)")
            // Byte for byte what the other sink got: no torn line, none twice, none missing.
            try scene.judge.read(scene.linesPath)
            let events = scene.judge.events
            try scene.judge.read(onDisk, from: 0)
            #expect(scene.judge.events == events && scene.judge.repeats == events)
            scene.expectNoFaults("seed \(seed)")
            print("full sink: \(scene.judge.summary)")
        }

        @Test(.timeLimit(.minutes(5)))
        func `A store on a full disk leaves the elements in Redis, and goes on when there is room`() async throws {
            let seed = SeededGenerator.printedSeed(for: "full store")
            guard let scene = try await FaultScene(seed: seed),
                let disk = try await TinyFileSystem.mount(kilobytes: 64 * 1024)
            else { return }
            try scene.configure(sinks: [scene.fileSink(scene.linesPath)], store: "\(disk.path)/store.sqlite")
            let daemon = try scene.start()
            try scene.push(100)
            try await scene.awaitDelivery(by: daemon, within: .seconds(60))
            try disk.fill(leaving: 512)
            try scene.push(4000)
            try await eventually("the disk is full", state: { "\(disk.free()) bytes free; \(daemon.state)" }) {
                disk.free() < 64 * 1024
            }
            #expect(try scene.waiting() > 0)
            #expect(daemon.isRunning, "\(daemon.state)")
            try disk.release()
            try await scene.awaitDelivery(by: daemon, within: .seconds(120))
            #expect(try await daemon.terminate() == .code(0), "\(daemon.state)")
            try scene.judge.read(scene.linesPath)
            print("full store: \(scene.judge.summary)")
            scene.expectNoFaults("seed \(seed)")
            try await scene.expectStoreAgrees()
        }
    }
}
