import Logging
import Store
import Synchronization

/// What the store has to say, to the log, to the pipeline, and where it means the end, to the service.
final class StoreNotices: Sendable {
    private let logger: Logger
    private let onEvent: @Sendable (Tenant.Event) -> Void
    private let core = Mutex<LoopBound<TenantCore>?>(nil)

    init(logger: Logger, onEvent: @escaping @Sendable (Tenant.Event) -> Void) {
        (self.logger, self.onEvent) = (logger, onEvent)
    }

    /// From now on the pipeline is told too.
    func bind(_ core: LoopBound<TenantCore>) { self.core.withLock { $0 = core } }

    func take(_ notice: StoreNotice) {
        switch notice {
        case .setAside(let path, let reason):
            logger.critical(
                "the store was damaged; it is set aside and a new one, with a new stream, is begun",
                metadata: ["kept_as": "\(path)", "reason": "\(reason)"])
        case .blocked(let error):
            logger.error("the store cannot write; nothing is acknowledged meanwhile", metadata: ["reason": "\(error)"])
        case .recovered: logger.notice("the store writes again")
        case .damaged(let error): onEvent(.storeDamaged(error))
        case .overflow(let holder, let used, let limit):
            logger.error(
                "the store is full of events that are still needed; nothing more is taken from the sources",
                metadata: ["needed_by": "\(holder)", "used_bytes": "\(used)", "limit_bytes": "\(limit)"])
            setIntake(paused: true)
        case .overflowEnded:
            logger.notice("the store has room again")
            setIntake(paused: false)
        case .retention(let removed, let remaining, let pace):
            logger.info(
                "removing old events",
                metadata: ["removed": "\(removed)", "remaining": "\(remaining)", "per_second": "\(pace)"])
        case .logHeld(let bytes):
            logger.warning(
                "a program that reads the store keeps its log from being emptied", metadata: ["bytes": "\(bytes)"])
        }
    }

    private func setIntake(paused: Bool) {
        core.withLock { $0 }?.execute { $0.setIntake(paused: paused) }
    }
}
