import BridgeCore
import Codecs
import NIOCore
import Transport
import WireProtocols

/// A stand-in Shuttle: a Socket.IO server of both generations that tells of calls to everybody who is connected, and takes
/// what scripts emit. Confined to one event loop.
package final class XCALLYSimulator: VendorSimulator {
    package struct Settings: Sendable {
        /// How events travel, which the vendor does not say.
        package enum Style: String, Sendable, CaseIterable {
            /// Each kind under its own name.
            case named
            /// All under one name; the payload tells the kind.
            case enveloped
        }

        package var host = "127.0.0.1"
        /// 0: any free one.
        package var port = 0
        package var path = SocketIOSettings.usualPath
        package var versions = Set(EngineIOVersion.allCases)
        /// nil: everybody may come in.
        package var token: [UInt8]?
        package var style = Style.named
        /// Every connection is cut, without a word, each time so much has passed.
        package var dropInterval: Duration?
        /// Who joins is put out again at once.
        package var putsOut = false
        package var pingInterval = TimeAmount.seconds(25)
        package var pingTimeout = TimeAmount.seconds(20)
        /// Certificate chain and key for https.
        package var tls: TLSServerConfiguration?

        package init() {}
    }

    /// What there is to say.
    package enum Play: Sendable {
        /// Invented calls.
        case traffic(callsPerSecond: Double, speed: Double, seed: UInt64)
        /// A recorded scenario, from the first connection on.
        case script(JSONValue, speed: Double)
    }

    /// What a script emitted.
    package struct Emission: Sendable {
        package let name: String
        /// The first argument, in JSON.
        package let argument: String
    }

    private enum Source {
        case play(any XCALLYPlay)
        case unstarted(JSONValue, speed: Double)
    }

    /// The name under which all events travel in the enveloped style.
    package static let envelope = "event"
    /// Emissions kept to look at; older ones are only counted.
    package static let keptEmissions = 1000

    private let settings: Settings
    private let eventLoop: any EventLoop
    private let onEmission: (Emission) -> Void
    private var source: Source
    private var server: SocketIOServer?
    private var timer: LoopTimer?
    private var nextDrop: NIODeadline?

    /// Events said, times clients; clients that came in, and requests that were refused.
    package private(set) var sent = 0
    package private(set) var accepted = 0
    package private(set) var refused = 0
    /// What scripts emitted: how much of each, and the latest of it.
    package private(set) var emitted: [String: Int] = [:]
    package private(set) var emissions: [Emission] = []

    /// Throws where a script is none. `onEmission` is told what scripts emit.
    package init(
        _ settings: Settings, _ play: Play, eventLoop: any EventLoop,
        onEmission: @escaping (Emission) -> Void = { _ in }
    ) throws {
        (self.settings, self.eventLoop, self.onEmission) = (settings, eventLoop, onEmission)
        switch play {
        case .traffic(let rate, let speed, let seed):
            source = .play(
                XCALLYTraffic(
                    callsPerSecond: rate, speed: speed, startingAt: WallClock.now(), random: SplitMix(seed: seed)))
        case .script(let scenario, let speed):
            _ = try XCALLYScript(scenario, startingAt: WallClock.now(), speed: speed)
            source = .unstarted(scenario, speed: speed)
        }
    }

    package func start() throws -> EventLoopFuture<Int> {
        var configuration = SocketIOServerConfiguration(host: settings.host, port: settings.port)
        (configuration.path, configuration.versions) = (settings.path, settings.versions)
        configuration.token = try XCALLYListener.credentials(settings.token)
        configuration.session.pingInterval = settings.pingInterval
        configuration.session.pingTimeout = settings.pingTimeout
        configuration.initialize = try settings.tls.map { try TLSHandler.initializer(server: $0) }
        let server = SocketIOServer(configuration, on: eventLoop, delegate: self)
        self.server = server
        timer = LoopTimer(eventLoop: eventLoop, slack: .zero) { [weak self] in self?.timerFired() }
        nextDrop = settings.dropInterval.map { eventLoop.now + TimeAmount($0) }
        return server.start().assumeIsolated().map { [self] port in
            schedule()
            return port
        }.nonisolated()
    }

    package func stop() -> EventLoopFuture<Void> {
        timer?.set(nil)
        return server?.close() ?? eventLoop.makeSucceededVoidFuture()
    }

    package var clientCount: Int { server?.clients.count ?? 0 }

    /// Cuts every connection without a word.
    package func drop() { for client in server?.clients ?? [] { client.abort() } }

    /// Puts every client out of the namespace.
    package func putOut() { for client in server?.clients ?? [] { client.disconnect() } }

    /// Says an event to everybody, beside the play.
    package func say(_ name: String, _ payload: String) {
        for client in server?.clients ?? [] {
            sent += 1
            let name = settings.style == .named ? name : Self.envelope
            _ = client.emit(name, [.json(Array(payload.utf8))])
        }
    }

    // MARK: - The play

    private func begin() {
        guard case .unstarted(let scenario, let speed) = source,
            // It was read before.
            let script = try? XCALLYScript(scenario, startingAt: WallClock.now(), speed: speed)
        else { return }
        source = .play(script)
        schedule()
    }

    private func timerFired() {
        if let due = nextDrop, due <= eventLoop.now {
            drop()
            nextDrop = settings.dropInterval.map { eventLoop.now + TimeAmount($0) }
        }
        if case .play(var play) = source {
            let due = play.events(until: WallClock.now())
            source = .play(play)
            for event in due {
                switch event.content {
                case .event(let name, let payload): say(name, payload)
                case .drop: drop()
                }
            }
        }
        schedule()
    }

    private func schedule() {
        var next = nextDrop
        if case .play(let play) = source, let due = play.nextDue {
            let wait = max(0, due.microseconds - WallClock.now().microseconds)
            let deadline = eventLoop.now + .microseconds(wait)
            next = next.map { min($0, deadline) } ?? deadline
        }
        timer?.set(next)
    }
}

extension XCALLYSimulator: SocketIOServerDelegate {
    package func socketIOServer(_ server: SocketIOServer, connected client: SocketIOServerClient) {
        accepted += 1
        guard !settings.putsOut else { return client.disconnect() }
        begin()
    }

    package func socketIOServer(
        _ server: SocketIOServer, client: SocketIOServerClient, received event: SocketIOEvent
    ) {
        let argument = event.firstArgument.map { value in
            var writer = ByteWriter(capacity: 512)
            writer.append(json: value)
            return String(decoding: writer.bytes, as: UTF8.self)
        }
        let emission = Emission(name: event.name, argument: argument ?? "")
        emitted[emission.name, default: 0] += 1
        if emissions.count >= Self.keptEmissions { emissions.removeFirst(Self.keptEmissions / 2) }
        emissions.append(emission)
        onEmission(emission)
        client.acknowledge(event, with: [.string("ok")])
    }

    package func socketIOServer(
        _ server: SocketIOServer, client: SocketIOServerClient, disconnected reason: SocketIOServerClient.End
    ) {}

    package func socketIOServer(
        _ server: SocketIOServer, refused refusal: SocketIOServer.Refusal, from address: SocketAddress?
    ) { refused += 1 }
}
