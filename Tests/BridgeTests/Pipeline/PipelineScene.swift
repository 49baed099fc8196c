import Adapters
import BridgeCore
import CallModel
import Codecs
import NIOCore
import NIOEmbedded
import Store
import Synchronization
import TestSupport

@testable import Bridge

/// The real pipeline and a real store, on a loop whose time is moved by hand: one run of the program without its sockets.
final class PipelineScene: Sendable {
    /// How a run ends.
    enum Ending: String, CaseIterable, Sendable {
        /// The tracker's state goes down with it.
        case inOrder
        /// As after a kill: the store closes, nothing else is said.
        case abrupt
    }

    let store: Store
    let loop: NIOAsyncTestingEventLoop
    private let pipeline: NIOLoopBound<IngestPipeline>

    /// Opens the store in `directory` and continues where its lines end; the clock stands at `start`.
    init(in directory: TemporaryDirectory, profile: SourceProfile, stream: UUID128, at start: Timestamp) async throws {
        let loop = NIOAsyncTestingEventLoop()
        var configuration = StoreConfiguration(
            path: directory.file("events.sqlite"), retention: .seconds(100 * 365 * 86_400), maxSizeBytes: 1 << 30)
        configuration.sideWriteDelay = .milliseconds(1)
        let store = try Self.open(configuration, stream: stream)
        await loop.advanceTime(to: Self.deadline(start))
        pipeline = try await loop.executeInContext {
            let restored = try TrackerRestorer.restore(from: store, profiles: [profile]).tracker
            let pipeline = IngestPipeline(
                store: store, tracker: restored.take(), eventLoop: loop,
                clock: { Timestamp(microseconds: Int64(loop.now.uptimeNanoseconds / 1000)) })
            // Sets the timers of calls that were open, as the first line of a run does.
            pipeline.commit {}
            return NIOLoopBound(pipeline, eventLoop: loop)
        }
        (self.store, self.loop) = (store, loop)
    }

    /// A child process that another test is just starting holds copies of our descriptors, and with them the lock of the run
    /// before, until it executes its program.
    private static func open(_ configuration: StoreConfiguration, stream: UUID128) throws -> Store {
        let deadline = ContinuousClock.now + .seconds(10)
        while true {
            let opened = Result<Store, StoreError> { () throws(StoreError) in
                try Store.open(configuration, newStream: { stream }, notify: { _ in })
            }
            if case .failure(.locked) = opened, ContinuousClock.now < deadline { continue }
            return try opened.get()
        }
    }

    private static func deadline(_ time: Timestamp) -> NIODeadline {
        .uptimeNanoseconds(UInt64(time.microseconds) * 1000)
    }

    /// Does something on the loop, without waiting for the disk.
    func onLoop(_ body: @escaping @Sendable (IngestPipeline) throws -> Void) async throws {
        let pipeline = pipeline
        try await loop.executeInContext { try body(pipeline.value) }
    }

    /// Moves the clock; what is due happens.
    func advance(to time: Timestamp) async {
        if Self.deadline(time) > loop.now { await loop.advanceTime(to: Self.deadline(time)) }
    }

    /// Waits until everything handed to the store is on the disk and the loop has been told.
    func settle() async throws {
        try store.flush()
        await loop.run()
    }

    /// Plays one step of a scenario and waits for the disk.
    func play(_ step: Scenario.Step, at time: Timestamp, with replayer: any MessageReplayer) async throws {
        while let due = replayer.nextDeadline, due <= time {
            await advance(to: due)
            var facts: [CallFact] = []
            replayer.advance(to: due, into: &facts)
            try await ingest(facts, at: due)
        }
        await advance(to: time)
        switch step {
        case .message(let message):
            var facts: [CallFact] = []
            try replayer.facts(of: message, at: time, into: &facts)
            try await ingest(facts, at: time)
        case .connect:
            try await onLoop { $0.linkUp(source: 0, attempt: 1) }
            replayer.linkUp()
        case .disconnect(let reason):
            replayer.linkDown()
            try await onLoop { $0.linkDown(source: 0, reason: reason, lastGood: time) }
        case .wait: break
        }
        try await settle()
    }

    private func ingest(_ facts: [CallFact], at time: Timestamp) async throws {
        try await onLoop { pipeline in
            pipeline.ingest(facts, source: 0, receivedAt: time)
            pipeline.commit {}
        }
    }

    func end(_ ending: Ending) async throws {
        if ending == .inOrder {
            try await onLoop { $0.stop() }
            try await settle()
            try await onLoop { $0.finish() }
        }
        store.close()
        await loop.shutdownGracefully()
    }

    func lines() throws -> [String] {
        var lines: [String] = []
        try store.forEachLine(from: 1, through: store.lastSeq) { _, _, _, line in
            lines.append(String(decoding: line, as: UTF8.self))
            return true
        }
        return lines
    }
}

/// A count that a closure on another thread may raise.
final class Counter: Sendable {
    private let count = Mutex(0)
    var value: Int { count.withLock { $0 } }
    func add() { count.withLock { $0 += 1 } }
}

extension IngestPipeline {
    func ingest(_ facts: [CallFact], source: Int, receivedAt: Timestamp) {
        var facts = facts
        ingest(&facts, source: source, receivedAt: receivedAt)
    }
}
