import CallModel
import Codecs

/// Which events become which messages of a script: `RealtimeCTI`, and where configured `AgentCTI` and
/// `AgentCTINotification`.
package struct XCALLYRules: Sendable, Equatable {
    /// Which events a rule takes.
    package struct Trigger: Sendable, Equatable {
        /// One of the four that Shuttle has an event for.
        package var kinds: Set<Kind>
        /// Names or ids of queues; nil: all, also calls without one.
        package var queues: Set<String>?

        package init(kinds: Set<Kind> = [.callAnswered], queues: Set<String>? = nil) {
            (self.kinds, self.queues) = (kinds, queues)
        }
    }

    /// Opens a page on the agent's screen.
    package struct ScreenPop: Sendable, Equatable {
        package enum Mode: String, Sendable, CaseIterable {
            case newTab = "new_tab"
            case newFrame = "new_frame"
            case newWindow = "new_window"
        }

        package var trigger: Trigger
        package var url: XCALLYTemplate
        package var mode: Mode

        package init(trigger: Trigger = Trigger(), url: XCALLYTemplate, mode: Mode = .newTab) {
            (self.trigger, self.url, self.mode) = (trigger, url, mode)
        }
    }

    /// Shows a text on the agent's screen.
    package struct Notification: Sendable, Equatable {
        package var trigger: Trigger
        package var type: String
        package var title: XCALLYTemplate
        package var body: XCALLYTemplate

        package init(trigger: Trigger = Trigger(), type: String, title: XCALLYTemplate, body: XCALLYTemplate) {
            (self.trigger, self.type, self.title, self.body) = (trigger, type, title, body)
        }
    }

    /// What is to be emitted.
    struct Message: Equatable {
        let name: String
        let json: [UInt8]
    }

    /// The kinds that a rule may name.
    package static let kinds: [Kind] = [.callRinging, .callAnswered, .callAbandoned, .callEnded]

    package var appName: String
    package var push: Trigger
    package var reference: XCALLYTemplate?
    package var url: XCALLYTemplate?
    package var screenPop: ScreenPop?
    package var notification: Notification?

    package init(
        appName: String, push: Trigger = Trigger(), reference: XCALLYTemplate? = nil, url: XCALLYTemplate? = nil,
        screenPop: ScreenPop? = nil, notification: Notification? = nil
    ) {
        (self.appName, self.push, self.reference, self.url) = (appName, push, reference, url)
        (self.screenPop, self.notification) = (screenPop, notification)
    }

    /// Every kind that some rule takes.
    var wantedKinds: Set<Kind> {
        push.kinds.union(screenPop?.trigger.kinds ?? []).union(notification?.trigger.kinds ?? [])
    }

    /// What `event` makes the Shuttle show, in the order of a script. Concluded answers and late lines are history: no page
    /// is to show them as if they happened now.
    func messages(for event: CallEvent) -> [Message] {
        guard let name = XCALLYChannel.event(event), !event.late,
            !(event.kind == .callAnswered && event.origin == .synthetic)
        else { return [] }
        var messages: [Message] = []
        if takes(push, event) { messages.append(realtime(event, name)) }
        guard let peer = event.body.agent?.endpoint else { return messages }
        if let screenPop, takes(screenPop.trigger, event), let url = screenPop.url.text(for: event) {
            messages.append(
                Self.message(
                    "AgentCTI", [("url", url), ("peer", peer), ("mode", screenPop.mode.rawValue)]))
        }
        if let notification, takes(notification.trigger, event) {
            messages.append(
                Self.message(
                    "AgentCTINotification",
                    [
                        ("peer", peer), ("type", notification.type),
                        ("title", notification.title.text(for: event) ?? ""),
                        ("body", notification.body.text(for: event) ?? ""),
                    ]))
        }
        return messages
    }

    /// An abandoned call ends at once: a rule that takes both is told of it once.
    private func takes(_ trigger: Trigger, _ event: CallEvent) -> Bool {
        guard trigger.kinds.contains(event.kind) else { return false }
        if event.kind == .callEnded, event.body.outcome?.disposition == .abandoned,
            trigger.kinds.contains(.callAbandoned)
        {
            return false
        }
        guard let queues = trigger.queues else { return true }
        guard let queue = event.body.queue else { return false }
        return queues.contains(queue.id) || queue.name.map(queues.contains) ?? false
    }

    private func realtime(_ event: CallEvent, _ name: String) -> Message {
        var writer = ByteWriter(capacity: 1024)
        writer.append("{\"type\":")
        writer.append(jsonString: appName)
        writer.append(",\"channel\":")
        XCALLYChannel.append(event, name: name, to: &writer)
        if let reference = reference?.text(for: event) {
            writer.append(",\"reference\":")
            writer.append(jsonString: reference)
        }
        if let url = url?.text(for: event) {
            writer.append(",\"url\":")
            writer.append(jsonString: url)
        }
        writer.append("}")
        return Message(name: "RealtimeCTI", json: writer.bytes)
    }

    private static func message(_ name: String, _ members: [(name: String, value: String)]) -> Message {
        var writer = ByteWriter(capacity: 512)
        for (index, member) in members.enumerated() {
            writer.append(index == 0 ? "{" : ",")
            writer.append(jsonString: member.name)
            writer.append(":")
            writer.append(jsonString: member.value)
        }
        writer.append("}")
        return Message(name: name, json: writer.bytes)
    }
}
