import CallModel
import Codecs
import NIOCore
import TestSupport
import Testing
import WireProtocols

@testable import Adapters

/// Recorded sessions of Shuttle stand-ins: what the server told, and what the script beside it pushed.
@Suite("XCALLY: recordings")
struct XCALLYRecordingTests {
    struct Scene: Sendable, CustomTestStringConvertible {
        let recording: SocketIORecording
        let connection: Int
        var testDescription: String { "\(recording), connection \(connection)" }
    }

    static let scenes = SocketIORecording.all.filter { $0.name.hasPrefix("xcally") }.flatMap { recording in
        recording.directWebSockets.map { Scene(recording: recording, connection: $0) }
    }

    private static let begin = Timestamp(microseconds: 1_437_069_266_000_000)

    @Test("They are there")
    func present() { #expect(!Self.scenes.isEmpty) }

    @Test("What the server tells becomes whole calls, through the client's state machine", arguments: scenes)
    func told(_ scene: Scene) throws {
        let events = try Self.lines(of: scene, from: .server)
        #expect(PromiseJudge.faults(of: events).faults == [] && PromiseJudge.faults(of: events).open == [])
        #expect(!events.contains { $0.kind == .sourceUnmapped || $0.late })
        let kinds = Self.kinds(events)
        #expect(!kinds.isEmpty && kinds.values.allSatisfy { $0.first == .callOffered && $0.last == .callEnded })
    }

    @Test("What the script pushes tells of the same calls, through the server's state machine", arguments: scenes)
    func pushed(_ scene: Scene) throws {
        let pushed = try Self.lines(of: scene, from: .client)
        #expect(Self.kinds(pushed) == Self.kinds(try Self.lines(of: scene, from: .server)))
    }

    @Test("The five calls: answered, abandoned, ring-all, a custom variable, a transfer")
    func calls() throws {
        let scene = try #require(Self.scenes.first { $0.recording.name == "xcally-eio3-session" })
        let events = try Self.lines(of: scene, from: .server)
        let plain: [Kind] = [.callOffered, .callRinging, .callAnswered, .callEnded]
        let kinds = Self.kinds(events)
        #expect(kinds.count == 5 && kinds["1437069264.914"] == plain && kinds["1437069264.960"] == plain)
        #expect(
            kinds["1437069264.920"] == [.callOffered, .callRinging, .callRingStopped, .callAbandoned, .callEnded])
        #expect(
            kinds["1437069264.931"] == [
                .callOffered, .callRinging, .callRinging, .callRinging, .callAnswered, .callRingStopped,
                .callRingStopped, .callEnded,
            ])
        #expect(
            kinds["1437069264.952"] == [
                .callOffered, .callRinging, .callAnswered, .callLeft, .callRinging, .callAnswered, .callEnded,
            ])
        #expect(events.contains { $0.body.extra.contains { $0.name == "ordernumber" } })
    }

    private static func kinds(_ events: [CallEvent]) -> [String: [Kind]] {
        Dictionary(grouping: events.filter { $0.call != nil }, by: { String($0.call?.id.dropFirst(5) ?? "") })
            .mapValues { $0.map(\.kind) }
    }

    /// What one side said, through the state machine of the other, to the tracker's lines.
    private static func lines(of scene: Scene, from side: SocketIORecording.Side) throws -> [CallEvent] {
        var run = XCALLYRun()
        run.passTime(to: begin)
        for (time, event) in events(of: scene, from: side) {
            run.passTime(to: begin.advanced(by: .nanoseconds(time.nanoseconds)))
            guard side == .server || event.name == "RealtimeCTI" else { continue }
            let argument = try #require(event.firstArgument)
            try run.take(side == .server ? argument : try #require(argument["channel"]))
        }
        run.passTime(.seconds(60))
        return run.events
    }

    private static func events(
        of scene: Scene, from side: SocketIORecording.Side
    ) -> [(TimeAmount, SocketIOEvent)] {
        let version = scene.recording.askedVersion(of: scene.connection)
        let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
        var client = SocketIOClientSession(SocketIOClientConfiguration(), version: version, now: start)
        var server = SocketIOServerSession(
            SocketIOServerSessionConfiguration(), version: version, sid: "e1", transport: .websocket, now: start)
        var events: [(TimeAmount, SocketIOEvent)] = []
        func drainServer(_ time: TimeAmount) {
            while let output = server.nextEvent() {
                if case .connectionRequested(let namespace, _, _) = output {
                    server.accept(namespace, socketID: "s1")
                }
                if case .event(let event) = output { events.append((time, event)) }
            }
        }
        // Protocol 4 joins before anything is said.
        drainServer(.zero)
        for line in scene.recording.lines(of: scene.connection) where line.side == side {
            guard case .message(let message) = line.item else { continue }
            switch side {
            case .server:
                client.receive(message, now: start)
                while let output = client.nextEvent() {
                    if case .event(let event) = output { events.append((line.time, event)) }
                }
            case .client:
                server.received(message, now: start)
                drainServer(line.time)
            }
        }
        return events
    }
}
