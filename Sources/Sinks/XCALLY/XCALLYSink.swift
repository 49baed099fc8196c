import BridgeCore
import CallModel
import Codecs
import Logging
import NIOCore
import NIOPosix

/// Shows events in a Shuttle, as a script of the vendor does: `RealtimeCTI` into its realtime page, and where configured
/// screen pops and notifications for agents.
///
/// At most once and in order. What cannot be sent within its age is given up, so the cursor never waits for the Shuttle.
package final class XCALLYSink: Sink {
    /// Whose connection it uses.
    package enum Route: Sendable {
        /// That of a source of the same tenant.
        case via(source: String)
        case own(SocketIOSettings, proxy: ProxySettings?)
    }

    package let name: String
    package let needsThread = false
    package let figures = XCALLYSinkFigures()

    private let route: Route
    private let rules: XCALLYRules
    private let limits: XCALLYEmitter.Limits
    private let wantedKinds: Set<String>
    private let lines: VendorLines
    private let logger: Logger
    private let state: StateBox

    /// Set by `open`, gone with `close`; the pump calls one method at a time.
    private actor StateBox {
        var emitter: NIOLoopBound<XCALLYEmitter>?
        var own: NIOLoopBound<XCALLYOwnLine>?
        func set(_ emitter: NIOLoopBound<XCALLYEmitter>, own: NIOLoopBound<XCALLYOwnLine>?) {
            (self.emitter, self.own) = (emitter, own)
        }
        func clear() { (emitter, own) = (nil, nil) }
    }

    init(
        _ context: SinkContext, route: Route, rules: XCALLYRules, limits: XCALLYEmitter.Limits
    ) {
        (name, logger, lines) = (context.name, context.logger, context.lines)
        (self.route, self.rules, self.limits) = (route, rules, limits)
        wantedKinds = Set(rules.wantedKinds.map(\.name))
        state = StateBox()
    }

    package func open(cursor: Int64, stream: UUID128) async throws -> Int64 {
        switch route {
        case .via(let source):
            guard let line = lines[source] else {
                throw XCALLYSinkError(description: "source '\(source)' has not started yet")
            }
            let emitter = try await line.eventLoop.submit { [self] in bind(line.value, on: line.eventLoop) }.get()
            await state.set(emitter, own: nil)
        case .own(let settings, let proxy):
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            let (emitter, line) = try await loop.submit { [self] in
                let line = XCALLYOwnLine(settings, proxy: proxy, eventLoop: loop, logger: logger)
                let emitter = bind(line, on: loop)
                line.start()
                return (emitter, NIOLoopBound(line, eventLoop: loop))
            }.get()
            await state.set(emitter, own: line)
        }
        return cursor
    }

    private func bind(_ line: any VendorLine, on loop: any EventLoop) -> NIOLoopBound<XCALLYEmitter> {
        let emitter = XCALLYEmitter(line: line, limits: limits, figures: figures, logger: logger, now: WallClock.now)
        return NIOLoopBound(emitter, eventLoop: loop)
    }

    package func deliver(_ batch: DeliveryBatch) async -> DeliveryOutcome {
        let entries = entries(of: batch)
        guard !entries.isEmpty else { return .delivered }
        guard let emitter = await state.emitter else { return .retry(through: nil, reason: "it is not open") }
        do {
            try await emitter.eventLoop.submit { emitter.value.emit(entries) }.get()
            return .delivered
        } catch {
            return .retry(through: nil, reason: "\(error)")
        }
    }

    private func entries(of batch: DeliveryBatch) -> [XCALLYOutbox.Entry] {
        batch.bytes.withUnsafeBytes { bytes in
            var entries: [XCALLYOutbox.Entry] = []
            var start = 0
            for end in batch.ends {
                defer { start = end }
                let line = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
                // Most lines are of no interest here: they are not even parsed.
                if let kind = LineHead.kind(of: line),
                    !wantedKinds.contains(String(decoding: line[kind], as: UTF8.self))
                {
                    continue
                }
                guard let event = try? LineReader.read(line) else {
                    figures.unreadable.add()
                    continue
                }
                entries += rules.messages(for: event).map { .init(message: $0, receivedAt: event.receivedAt) }
            }
            return entries
        }
    }

    /// Nothing was opened by name.
    package func reopen() {}

    package func close() async {
        let own = await state.own
        await state.clear()
        if let own { try? await own.eventLoop.flatSubmit { own.value.stop() }.get() }
        logger.info("messages to the Shuttle", metadata: figures.metadata)
    }
}

/// Why the sink cannot begin yet.
struct XCALLYSinkError: Error, CustomStringConvertible {
    let description: String
}
