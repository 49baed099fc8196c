import Adapters
import BridgeCore
import CallModel
import Glibc
import NIOCore
import NIOPosix
import Transport

/// Receives the events of a Shuttle on one event loop and says how long that took, see shuttle.py and
/// `make bench-socketio`:
///
///     xcally-reader received PORT EVENTS   reads the name and the call of each event
///     xcally-reader mapped PORT EVENTS     as the daemon does, up to the tracker's lines
@main
struct XCALLYReader {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 4, let port = Int(arguments[2]), let count = Int(arguments[3]) else { usage() }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let ended = loop.makePromise(of: String.self)
        switch arguments[1] {
        case "received":
            let reader = try await loop.submit {
                let reader = EventReader(expected: count, ended: ended)
                reader.connect(to: port, on: loop)
                return NIOLoopBound(reader, eventLoop: loop)
            }.get()
            print(try await ended.futureResult.get())
            try await loop.flatSubmit { reader.value.close(on: loop) }.get()
        case "mapped":
            let source = try await loop.submit {
                let source = mappedSource(port: port, expected: count, on: loop, ended: ended)
                source.start()
                return NIOLoopBound(source, eventLoop: loop)
            }.get()
            print(try await ended.futureResult.get())
            try await loop.flatSubmit { source.value.stop() }.get()
        default: usage()
        }
        try await group.shutdownGracefully()
    }

    private static func mappedSource(
        port: Int, expected: Int, on loop: any EventLoop, ended: EventLoopPromise<String>
    ) -> any Source {
        let adapter = XCALLYConfiguration(
            .connect(SocketIOSettings(host: "127.0.0.1", port: port, version: .eio4)))
        let configuration = SourceConfiguration(
            name: "rome", isEnabled: true, tenant: "bench", lifecycle: .strict, raw: .onUnmapped, adapter: adapter)
        let context = CountingContext(
            expected: expected, profile: adapter.profile(of: configuration), eventLoop: loop, ended: ended)
        return adapter.makeSource(configuration, context: context)
    }

    private static func usage() -> Never {
        print("usage: xcally-reader received PORT EVENTS | mapped PORT EVENTS")
        exit(64)
    }
}

/// Time from the first event to the last, for shuttle.py.
struct Stopwatch {
    private let clock = ContinuousClock()
    private var began: ContinuousClock.Instant?

    mutating func start() { if began == nil { began = clock.now } }

    func summary(messages: Int, _ more: String = "") -> String {
        let (seconds, attoseconds) = (began.map { clock.now - $0 } ?? .zero).components
        return "{\"messages\": \(messages),\(more) \"seconds\": \(Double(seconds) + Double(attoseconds) / 1e18)}"
    }
}
