import CallModel
import Codecs
import Store
import TestSupport
import Testing

@testable import Bridge

@Suite("Receipts of the pipeline")
struct PipelineReceiptTests {
    private static let start = Timestamp(microseconds: 1_768_471_200_000_000)
    private static let profile = SourceProfile(vendor: "teleforge", name: "cape")

    private func scene(_ directory: TemporaryDirectory) async throws -> PipelineScene {
        try await PipelineScene(
            in: directory, profile: Self.profile, stream: UUID128(milliseconds: 1_768_471_200_000, random: (1, 2)),
            at: Self.start)
    }

    private static func answered(_ call: String) -> CallFact {
        CallFact(.callAnswered, callID: call, event: "inbound/call")
    }

    @Test("A receipt comes only when everything that was ingested before it is on the disk")
    func afterCommit() async throws {
        let scene = try await scene(TemporaryDirectory())
        let (store, receipts, early) = (scene.store, Counter(), Counter())
        try await scene.onLoop { pipeline in
            for call in 1...50 {
                pipeline.ingest([Self.answered("\(call)")], source: 0, receivedAt: Self.start)
                // An opener and the answer: two lines a call.
                pipeline.commit {
                    receipts.add()
                    if store.lastSeq < Int64(2 * call) { early.add() }
                }
            }
            #expect(receipts.value == 0)
        }
        try await scene.settle()
        #expect(receipts.value == 50 && early.value == 0 && store.lastSeq == 100)
        try await scene.end(.inOrder)
    }

    @Test("A commit that adds nothing waits for what is under way, since a repeat relies on it")
    func repeatWaits() async throws {
        let scene = try await scene(TemporaryDirectory())
        let receipts = Counter()
        try await scene.onLoop { pipeline in
            pipeline.commit { receipts.add() }
            #expect(receipts.value == 1)
            pipeline.ingest([Self.answered("1")], source: 0, receivedAt: Self.start)
            pipeline.commit { receipts.add() }
            pipeline.ingest([Self.answered("1")], source: 0, receivedAt: Self.start)
            pipeline.commit { receipts.add() }
            #expect(receipts.value == 1)
        }
        try await scene.settle()
        #expect(receipts.value == 3 && scene.store.lastSeq == 2)
        try await scene.end(.inOrder)
    }

    @Test("While intake is paused receipts are held, in their order; what is durable stays durable")
    func held() async throws {
        let scene = try await scene(TemporaryDirectory())
        let receipts = Counter()
        try await scene.onLoop { pipeline in
            pipeline.setReceipts(held: true)
            pipeline.ingest([Self.answered("1")], source: 0, receivedAt: Self.start)
            pipeline.commit { receipts.add() }
            pipeline.commit { receipts.add() }
        }
        try await scene.settle()
        #expect(receipts.value == 0 && scene.store.lastSeq == 2)
        try await scene.onLoop { $0.setReceipts(held: false) }
        #expect(receipts.value == 2)
        try await scene.end(.inOrder)
    }
}
