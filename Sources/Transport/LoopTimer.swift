import NIOCore

/// One deadline on an event loop that moves often and rarely fires.
///
/// While the wanted deadline only moves later, the loop's own timer follows in steps of `slack`: an event then costs no
/// new timer, and a deadline that keeps moving away wakes nobody. Confined to its loop.
package final class LoopTimer {
    private let eventLoop: any EventLoop
    private let slack: TimeAmount
    private let fire: () -> Void
    private var wanted: NIODeadline?
    private var armed: (deadline: NIODeadline, task: Scheduled<Void>)?

    package init(eventLoop: any EventLoop, slack: TimeAmount = .seconds(1), fire: @escaping () -> Void) {
        (self.eventLoop, self.slack, self.fire) = (eventLoop, slack, fire)
    }

    /// `fire` runs once at `deadline`; nil waits for nothing. Replaces what was set before.
    package func set(_ deadline: NIODeadline?) {
        wanted = deadline
        guard let deadline else {
            armed?.task.cancel()
            armed = nil
            return
        }
        if let armed {
            if armed.deadline <= deadline, deadline - armed.deadline < slack { return }
            armed.task.cancel()
        }
        arm(deadline)
    }

    private func arm(_ deadline: NIODeadline) {
        let task = eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { [weak self] in
            guard let self else { return }
            reached()
        }
        armed = (deadline, task)
    }

    private func reached() {
        armed = nil
        guard let wanted else { return }
        guard wanted <= eventLoop.now else {
            arm(wanted)
            return
        }
        self.wanted = nil
        fire()
    }
}
