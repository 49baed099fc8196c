import ArgumentParser
import BridgeCore
import Glibc
import Logging
import NIOCore
import NIOPosix

/// All tenants of one process, from the first to the last line of a run.
final class Service: Sendable {
    private enum Event: Sendable {
        case signal(Int32)
        case limitReached
        case tenant(String, Tenant.Event)
    }

    private let tenants: [Tenant]
    private let group: MultiThreadedEventLoopGroup
    private let logger: Logger
    private let log: LogOutput
    private let notifier: SystemdNotifier
    private let events: AsyncStream<Event>
    private let post: AsyncStream<Event>.Continuation

    /// Opens every store. Blocks, so it comes before anything else runs. Throws what keeps a tenant from starting.
    init(_ configurations: [TenantConfiguration], log: LogOutput, notifier: SystemdNotifier = .ofProcess()) throws {
        (self.log, self.notifier) = (log, notifier)
        let logger = Self.logger(configurations, log)
        self.logger = logger
        // More events than these are repetitions of signals: the newest say all.
        let (events, post) = AsyncStream.makeStream(of: Event.self, bufferingPolicy: .bufferingNewest(64))
        (self.events, self.post) = (events, post)
        // First of all: a stop that is asked for while stores are opened is kept, and carried out in order.
        signal(SIGPIPE, SIG_IGN)
        guard SignalSource.install([SIGTERM, SIGINT, SIGHUP], receive: { post.yield(.signal($0)) }) else {
            throw ServiceError(description: "no pipe or thread for signals is left; raise the limits of the process")
        }
        let threads = min(configurations.count, System.coreCount)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, threads))
        self.group = group
        var loops = group.makeIterator()
        do {
            tenants = try configurations.map { configuration in
                let name = configuration.tenant
                return try Tenant(
                    configuration, eventLoop: loops.next() ?? group.next(), logger: logger,
                    onStatus: { status in notifier.status("\(name): \(status)") },
                    onEvent: { post.yield(.tenant(name, $0)) })
            }
        } catch {
            try? group.syncShutdownGracefully()
            throw error
        }
    }

    /// Runs until a signal, until `limit`, until nobody reads standard output, or until nothing can be written. Returns the exit code.
    func run(limit: Duration? = nil) async -> Int32 {
        let post = post
        let summary = "\(tenants.count) tenant\(tenants.count == 1 ? "" : "s"), configuration and stores stand"
        logger.notice("started", metadata: ["tenants": "\(tenants.map(\.name).joined(separator: ","))"])
        notifier.ready(status: summary)
        async let _: Void = postLimit(limit)
        let code = await withTaskGroup(of: Void.self) { group in
            for tenant in tenants {
                group.addTask { await tenant.run { post.yield(.tenant(tenant.name, $0)) } }
            }
            let code = await waitForEnd()
            notifier.stopping(status: "stopping: taking leave of the sources, then delivering what is left")
            logger.notice("stopping", metadata: ["exit_code": "\(code)"])
            // While this goes on, a second signal ends the process at once.
            async let _: Void = endAtSecondSignal()
            for tenant in tenants { await tenant.stop() }
            await group.waitForAll()
            return code
        }
        for tenant in tenants { await tenant.close() }
        try? await group.shutdownGracefully()
        logger.notice("stopped")
        log.flush()
        return code
    }

    private func postLimit(_ limit: Duration?) async {
        guard let limit, (try? await Task.sleep(for: limit)) != nil else { return }
        post.yield(.limitReached)
    }

    private func waitForEnd() async -> Int32 {
        for await event in events {
            switch event {
            case .signal(SIGHUP):
                logger.notice("reopening the files of sinks")
                for tenant in tenants { tenant.reopen() }
            case .signal(let number):
                logger.notice("asked to stop", metadata: ["signal": "\(number)"])
                return 0
            case .limitReached: return 0
            case .tenant(_, .sinkGone(let name, let reason)):
                logger.notice("nobody reads a sink any more", metadata: ["sink": "\(name)", "reason": "\(reason)"])
                return 0
            case .tenant(let tenant, .storeDamaged(let error)):
                logger.critical(
                    "the store is damaged; it is set aside at the next start",
                    metadata: ["tenant": "\(tenant)", "reason": "\(error)"])
                return 1
            case .tenant(let tenant, .failed(let reason)):
                logger.critical("cannot go on", metadata: ["tenant": "\(tenant)", "reason": "\(reason)"])
                return 1
            }
        }
        return 0
    }

    private func endAtSecondSignal() async {
        for await event in events {
            guard case .signal(let number) = event, number != SIGHUP else { continue }
            logger.warning("asked twice, ending at once; what was not delivered is delivered at the next start")
            log.flush()
            _exit(128 + number)
        }
    }

    private static func logger(_ configurations: [TenantConfiguration], _ log: LogOutput) -> Logger {
        let levels = configurations.compactMap { Logger.Level(rawValue: $0.log.level.rawValue) }
        let level = levels.min() ?? .info
        return Logger(label: "cti-bridge", factory: { StreamLogHandler(label: $0, output: log, level: level) })
    }
}

struct ServiceError: Error, CustomStringConvertible {
    let description: String
}
