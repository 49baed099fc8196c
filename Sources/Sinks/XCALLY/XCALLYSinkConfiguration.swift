import BridgeCore
import CallModel

/// The keys of a sink with `type: xcally`.
package struct XCALLYSinkConfiguration: SinkTypeConfiguration {
    package static let type = "xcally"

    package let route: XCALLYSink.Route
    package let rules: XCALLYRules
    package let maximumMessages: Int
    package let maximumAge: Duration
    package let wantsAcknowledgement: Bool

    package var viaSource: String? {
        switch route {
        case .via(let source): source
        case .own: nil
        }
    }

    package init?(_ section: ConfigurationSection) {
        let route = Self.route(section)
        let appName = section.string("app_name", required: true, matching: Self.namePattern)
        let push = Self.trigger(section)
        let reference = section.template("reference", asURL: false)
        let url = section.template("url", asURL: true)
        let screenPop = section.section("agent_cti").flatMap(Self.screenPop)
        let notification = section.section("notification").flatMap(Self.notification)
        let buffer = section.section("buffer")
        maximumMessages = buffer?.integer("messages", in: 1...10_000) ?? 100
        maximumAge = buffer?.duration("age", in: .seconds(1)...(.seconds(3600))) ?? .seconds(60)
        buffer?.finish()
        wantsAcknowledgement = section.boolean("acknowledge") ?? false
        guard let route, let appName else { return nil }
        self.route = route
        let usual = try? XCALLYTemplate("{callId}", asURL: false)
        rules = XCALLYRules(
            appName: appName, push: push, reference: section.keys.contains("reference") ? reference : usual,
            url: url, screenPop: screenPop, notification: notification)
    }

    package func makeSink(_ context: SinkContext) throws -> any Sink {
        var limits = XCALLYEmitter.Limits()
        (limits.messages, limits.age) = (maximumMessages, maximumAge)
        limits.wantsAcknowledgement = wantsAcknowledgement
        return XCALLYSink(context, route: route, rules: rules, limits: limits)
    }

    // MARK: - Parts

    private static let namePattern = TextPattern("the name of the integration in Shuttle, at most 256 bytes") {
        $0.utf8.count <= 256
    }

    private static func route(_ section: ConfigurationSection) -> XCALLYSink.Route? {
        let via = section.string("via", matching: .name)
        let connection = section.section("connect")
        switch (section.keys.contains("via"), section.keys.contains("connect")) {
        case (true, true):
            section.report(
                "'via' and 'connect' exclude each other: the messages take one way", at: section.mark(of: "connect"),
                hint: "remove one of them")
            return nil
        case (false, false):
            section.report(
                "'via' or 'connect' is missing in \(section.title)", at: section.mark,
                hint: "write via: SOURCE, or connect: { url: \(SocketIOSettings.form) }")
            return nil
        case (true, false): return via.map { .via(source: $0) }
        case (false, true):
            guard let connection else { return nil }
            let settings = SocketIOSettings(connection)
            let proxy = connection.proxy("proxy")
            connection.finish()
            return settings.map { .own($0, proxy: proxy) }
        }
    }

    private enum KindName: String, CaseIterable {
        case ringing = "call.ringing"
        case answered = "call.answered"
        case abandoned = "call.abandoned"
        case ended = "call.ended"
    }

    private static func trigger(_ section: ConfigurationSection) -> XCALLYRules.Trigger {
        var trigger = XCALLYRules.Trigger()
        let names = section.enumerations("emit_on", KindName.self, ifEmpty: "remove it for call.answered")
        if let names { trigger.kinds = Set(names.compactMap { Kind(name: $0.rawValue) }) }
        let queues = section.scalars("queues", ifEmpty: "remove it for all queues")
        trigger.queues = queues.map { Set($0.map(\.text)) }
        return trigger
    }

    private static func screenPop(_ section: ConfigurationSection) -> XCALLYRules.ScreenPop? {
        let trigger = trigger(section)
        let url = section.template("url", asURL: true, required: true)
        let mode = section.enumeration("mode", XCALLYRules.ScreenPop.Mode.self) ?? .newTab
        section.finish()
        return url.map { XCALLYRules.ScreenPop(trigger: trigger, url: $0, mode: mode) }
    }

    private static func notification(_ section: ConfigurationSection) -> XCALLYRules.Notification? {
        let trigger = trigger(section)
        let type = section.string("type", required: true)
        let title = section.template("title", asURL: false, required: true)
        let body = section.template("body", asURL: false, required: true)
        section.finish()
        guard let type, let title, let body else { return nil }
        return XCALLYRules.Notification(trigger: trigger, type: type, title: title, body: body)
    }
}

extension ConfigurationSection {
    /// A text with placeholders. An empty one means: none.
    fileprivate func template(_ key: String, asURL: Bool, required: Bool = false) -> XCALLYTemplate? {
        guard let scalar = scalar(key, expected: "a text", required: required), !scalar.text.isEmpty || required else {
            return nil
        }
        do {
            guard let text = string(key, required: required) else { return nil }
            return try XCALLYTemplate(text, asURL: asURL)
        } catch {
            report("bad '\(key)': \(error.cause)", at: scalar.mark, hint: error.hint)
            return nil
        }
    }
}
