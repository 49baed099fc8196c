import BridgeCore
import Glibc
import Logging
import NIOCore
import Transport

/// Keeps a program running and takes lines to it: one run at a time, one delivery at a time. Confined to its event loop.
final class ExecRunner {
    private enum State {
        /// Nothing runs: not opened yet, closed, or the last run ended and the next one begins at `until`.
        case waiting(until: NIODeadline, reason: String)
        case starting(ExecChild)
        case running(ExecChild)
        /// It has been told to end.
        case ending(ExecChild)
    }

    private enum Escalation {
        case terminate, kill, abandon
    }

    private struct Task {
        let number: Int
        let batch: DeliveryBatch
        var delivery: ExecDelivery
        let promise: EventLoopPromise<DeliveryOutcome>
    }

    /// From SIGTERM to SIGKILL; and then until a process that does not even take that is left alone.
    private static let killAfter = TimeAmount.seconds(2)
    private static let abandonAfter = TimeAmount.seconds(5)

    private let options: ExecSink.Options
    private let eventLoop: any EventLoop
    private let logger: Logger
    private var state = State.waiting(until: .distantPast, reason: "it has not been started")
    private var reconnection: Reconnection
    private var random = SystemRandomNumberGenerator()
    private var task: Task?
    /// Deliveries up to this one are given up.
    private var givenUp = 0
    private var opening: EventLoopPromise<Void>?
    private var closing: EventLoopPromise<Void>?
    /// Why the run that is ending was told to; nil: nothing is wrong with it.
    private var fault: String?
    private var restartsAtOnce = false
    private var escalation = Escalation.terminate
    private var lastEnd: (reason: String, count: Int)?
    private var startedAt = NIODeadline.distantPast
    private var restartTimer: LoopTimer?
    private var progressTimer: LoopTimer?
    private var escalationTimer: LoopTimer?

    init(_ options: ExecSink.Options, logger: Logger, eventLoop: any EventLoop) {
        (self.options, self.logger, self.eventLoop) = (options, logger, eventLoop)
        reconnection = Reconnection(backoff: options.restart, healthyAfter: .seconds(10))
    }

    // MARK: - In

    /// Starts the program; fails where the system cannot.
    func open() -> EventLoopFuture<Void> {
        guard case .waiting = state else { return eventLoop.makeSucceededVoidFuture() }
        let promise = eventLoop.makePromise(of: Void.self)
        opening = promise
        start()
        return promise.futureResult
    }

    /// Takes lines to the program. `number` grows with each call; one at a time.
    func deliver(_ batch: DeliveryBatch, number: Int) -> EventLoopFuture<DeliveryOutcome> {
        guard number > givenUp, closing == nil else {
            return eventLoop.makeSucceededFuture(.retry(through: nil, reason: "stopped before the program took it"))
        }
        if case .waiting(let until, let reason) = state, until > eventLoop.now {
            let wait = Duration(until - eventLoop.now)
            return eventLoop.makeSucceededFuture(.retry(through: nil, reason: reason, after: wait))
        }
        let promise = eventLoop.makePromise(of: DeliveryOutcome.self)
        task = Task(
            number: number, batch: batch, delivery: ExecDelivery(batch, acknowledges: options.acknowledges),
            promise: promise)
        switch state {
        case .waiting: start()
        case .starting, .ending: break
        case .running(let child): write(to: child)
        }
        return promise.futureResult
    }

    /// A delivery that nobody waits for any more. The program, which may have got part of a line, is ended.
    func giveUp(_ number: Int) {
        givenUp = max(givenUp, number)
        guard let task, task.number <= givenUp else { return }
        if case .running = state { end("did not take lines until the stop", after: .zero) }
        complete(task.delivery.interrupted("stopped before the program took it", after: nil))
    }

    /// SIGHUP: the program is started anew, in order; one that waits is started now.
    func restart() {
        guard closing == nil else { return }
        switch state {
        case .waiting:
            // Before `open` there is nothing to start.
            if startedAt != .distantPast { start() }
        case .starting, .ending: break
        case .running where task != nil: restartsAtOnce = true
        case .running: end(nil, after: options.stopTimeout)
        }
    }

    /// Ends the program in order; succeeds when it is gone.
    func close() -> EventLoopFuture<Void> {
        if let closing { return closing.futureResult }
        let promise = eventLoop.makePromise(of: Void.self)
        closing = promise
        restartTimer?.set(nil)
        switch state {
        case .waiting: promise.succeed()
        case .starting, .ending: break
        case .running: end(nil, after: options.stopTimeout)
        }
        return promise.futureResult
    }

    // MARK: - Runs

    private func start() {
        reconnection.attempted()
        restartTimer?.set(nil)
        let child = ExecChild(eventLoop: eventLoop, owner: self)
        state = .starting(child)
        child.start(options.command, adding: options.environment, hasAnswers: options.acknowledges)
    }

    /// Closes the program's input; after `grace` follows SIGTERM, then SIGKILL. `fault`: why it is not left running.
    private func end(_ fault: String?, after grace: TimeAmount) {
        guard case .running(let child) = state else { return }
        state = .ending(child)
        self.fault = fault
        restartsAtOnce = fault == nil
        progressTimer?.set(nil)
        escalation = .terminate
        escalationTimer = LoopTimer(eventLoop: eventLoop, slack: .zero) { [weak self] in self?.escalate(child) }
        escalationTimer?.set(eventLoop.now + grace)
        child.closeInput()
    }

    private func escalate(_ child: ExecChild) {
        switch escalation {
        case .terminate:
            child.signal(SIGTERM)
            escalation = .kill
            escalationTimer?.set(eventLoop.now + Self.killAfter)
        case .kill:
            logger.warning("the program does not end and is killed", metadata: ["program": "\(program)"])
            child.signal(SIGKILL)
            escalation = .abandon
            escalationTimer?.set(eventLoop.now + Self.abandonAfter)
        case .abandon:
            // In a system call that nothing interrupts. A second program beside it would be no better.
            logger.error("the program cannot be killed", metadata: ["program": "\(program)"])
            closing?.succeed()
        }
    }

    /// Plans the next run, or begins it. Answers how long that takes.
    private func planRestart(_ reason: String) -> Duration {
        var wait = reconnection.lost(isRefusal: false, at: eventLoop.now, using: &random)
        if restartsAtOnce { wait = .zero }
        restartsAtOnce = false
        state = .waiting(until: eventLoop.now + TimeAmount(wait), reason: reason)
        if wait > .zero {
            restartTimer = LoopTimer(eventLoop: eventLoop, slack: .zero) { [weak self] in self?.restartDue() }
            restartTimer?.set(eventLoop.now + TimeAmount(wait))
        } else {
            start()
        }
        return wait
    }

    private func restartDue() {
        if case .waiting = state, closing == nil { start() }
    }

    private var program: String { options.command.first ?? "" }

    // MARK: - Deliveries

    private func write(to child: ExecChild) {
        guard let batch = task?.batch else { return }
        progressTimer = LoopTimer(eventLoop: eventLoop, slack: .milliseconds(100)) { [weak self] in self?.stalled() }
        progressed()
        child.write(batch.bytes, ends: batch.ends) { [weak self] in
            guard let self, isCurrent(child), task != nil else { return }
            task?.delivery.wrote()
            progressed()
        }
    }

    /// Something of the delivery went on, or all of it is done.
    private func progressed() {
        if let outcome = task?.delivery.outcome { return complete(outcome) }
        progressTimer?.set(eventLoop.now + options.timeout)
    }

    private func stalled() {
        let what = options.acknowledges ? "took and answered nothing" : "took nothing"
        interrupt("\(what) within \(Duration(options.timeout))", after: .zero)
    }

    /// The run is of no use any more: its delivery comes again with the next one.
    private func interrupt(_ fault: String, after grace: TimeAmount) {
        end(fault, after: grace)
        if let task { complete(task.delivery.interrupted("the program \(fault)", after: nil)) }
    }

    private func complete(_ outcome: DeliveryOutcome) {
        progressTimer?.set(nil)
        let promise = task?.promise
        task = nil
        promise?.succeed(outcome)
        if restartsAtOnce, case .running = state { end(nil, after: options.stopTimeout) }
    }

    private func isCurrent(_ child: ExecChild) -> Bool {
        if case .running(let current) = state { current === child } else { false }
    }
}

extension ExecRunner: ExecChildOwner {
    func started(_ child: ExecChild) {
        startedAt = eventLoop.now
        reconnection.connected(at: eventLoop.now)
        state = .running(child)
        logger.debug("the program runs", metadata: ["program": "\(program)"])
        opening?.succeed()
        opening = nil
        if closing != nil { return end(nil, after: options.stopTimeout) }
        if task != nil { write(to: child) }
    }

    func failedToStart(_ child: ExecChild, _ error: any Error) {
        let reason = "the program \(program) \(error)"
        if let opening {
            self.opening = nil
            state = .waiting(until: .distantPast, reason: reason)
            opening.fail(ExecSinkError(description: reason))
            closing?.succeed()
            return
        }
        missing(reason)
    }

    func received(answer: LineSplitter.Line, from child: ExecChild) {
        // What a run says that is ending anyway changes nothing.
        guard isCurrent(child) else { return }
        do throws(ExecAnswerFault) {
            guard task != nil else {
                throw ExecAnswerFault(description: "wrote '\(answer.text.prefix(80))' though it was asked nothing")
            }
            try task?.delivery.received(answer)
            progressed()
        } catch {
            interrupt(error.description, after: .zero)
        }
    }

    func received(error: LineSplitter.Line, from child: ExecChild) {
        let text = error.text + (error.isCut ? "…" : "")
        logger.info("the program says", metadata: ["program": "\(program)", "stderr": "\(text)"])
    }

    func closedInput(_ child: ExecChild) {
        guard isCurrent(child) else { return }
        // Most programs that close their input are about to end: then their end is what is told.
        end("closed its standard input", after: .seconds(1))
    }

    func ended(_ child: ExecChild, _ exit: ProgramExit) {
        progressTimer?.set(nil)
        escalationTimer?.set(nil)
        let fault = fault
        self.fault = nil
        guard closing == nil else {
            if exit != .status(0) {
                logger.info("the program \(exit) at the stop", metadata: ["program": "\(program)"])
            }
            state = .waiting(until: .distantPast, reason: "the sink is closed")
            if let task { complete(task.delivery.interrupted("the program \(exit)", after: nil)) }
            closing?.succeed()
            return
        }
        missing("the program \(fault.map { "\($0) and " } ?? "")\(exit)")
    }

    /// No program runs, and one should.
    private func missing(_ reason: String) {
        let isWanted = restartsAtOnce
        let wait = planRestart(reason)
        if isWanted {
            logger.info("the program is started anew", metadata: ["program": "\(program)"])
        } else {
            report(reason, restartIn: wait)
        }
        guard let task else { return }
        // One that has not begun goes to the next run.
        if case .starting = state { return }
        complete(task.delivery.interrupted(reason, after: wait))
    }

    /// The first of a row of equal ends is told, the others are counted.
    private func report(_ reason: String, restartIn wait: Duration) {
        let count = lastEnd?.reason == reason ? (lastEnd?.count ?? 0) + 1 : 1
        lastEnd = (reason, count)
        logger.log(
            level: count == 1 ? .warning : .debug, "the program is gone and is started again",
            metadata: [
                "program": "\(program)", "reason": "\(reason)", "restart_in": "\(wait)", "ends": "\(count)",
            ])
    }
}

/// Why the sink cannot begin.
struct ExecSinkError: Error, CustomStringConvertible {
    let description: String
}
