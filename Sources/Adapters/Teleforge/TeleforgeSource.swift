import BridgeCore
import CallModel
import Logging
import NIOCore
import Transport
import WireProtocols

/// Teleforge over Redis: one connection per list and one for what is published, each coming back by itself.
///
/// The source is up while all of them are. Confined to the tenant's event loop.
package final class TeleforgeSource: Source {
    package let name: String

    private let context: any SourceContext
    private let mapper: TeleforgeMapper
    private var lists: [TeleforgeSourceList] = []
    private var subscription: TeleforgeSourceSubscription?
    private var readyParts: Set<String> = []
    private var isUp = false
    private var backlogs: [String: Int] = [:]

    init(
        name: String, configuration: TeleforgeConfiguration, proxy: ProxySettings? = nil, mapper: TeleforgeMapper,
        context: any SourceContext
    ) {
        (self.name, self.mapper, self.context) = (name, mapper, context)
        let redis = RedisConnectionConfiguration(configuration, proxy: proxy)
        lists = configuration.lists.map { list in
            var settings = TeleforgeListSession.Settings(key: "\(configuration.prefix):\(list.rawValue)")
            settings.end = configuration.pop == .left ? .left : .right
            settings.popsAtOnce = configuration.delivery == .atMostOnce
            return TeleforgeSourceList(settings: settings, redis: redis, source: self, context: context) {
                TeleforgeMapper.inspect($0, limits: mapper.limits)
            }
        }
        // Dialler states have no reference behind the topic.
        let topics = configuration.topics.map {
            TeleforgePubSubSession.Topic(name: "\(configuration.prefix):\($0.rawValue)", below: $0 != .dialers)
        }
        if !topics.isEmpty {
            let session = TeleforgePubSubSession(topics: topics, prefix: configuration.prefix, writer: redis.writer)
            subscription = TeleforgeSourceSubscription(session: session, redis: redis, source: self, context: context)
        }
    }

    package func start() {
        for list in lists { list.start() }
        subscription?.start()
    }

    package func stop() -> EventLoopFuture<Void> {
        subscription?.stop()
        return EventLoopFuture.andAllComplete(lists.map { $0.stop() }, on: context.eventLoop)
    }

    // MARK: - From the parts

    /// Facts of one element or message; false when it was not understood and became `source.unmapped`.
    func map(_ element: UnsafeRawBufferPointer, from place: String, into facts: inout [CallFact]) -> Bool {
        context.metrics.received.add()
        switch mapper.facts(list: place, element: element, into: &facts) {
        case .mapped: return true
        case .unmapped:
            context.metrics.unmapped.add()
            return false
        }
    }

    func partIsReady(_ part: String) {
        readyParts.insert(part)
        guard !isUp, readyParts.count == lists.count + (subscription == nil ? 0 : 1) else { return }
        isUp = true
        context.metrics.up.set(1)
        let attempts = lists.map(\.attempts) + [subscription?.attempts ?? 0]
        context.linkUp(attempt: max(1, attempts.max() ?? 1))
        for list in lists { list.becameUseful() }
        subscription?.becameUseful()
    }

    func partIsDown(_ part: String, reason: String) {
        readyParts.remove(part)
        guard isUp else { return }
        isUp = false
        context.metrics.up.set(0)
        context.linkDown(reason: "\(part): \(reason)")
    }

    func backlog(of key: String, is count: Int) {
        backlogs[key] = count
        context.metrics.backlog.set(backlogs.values.reduce(0, +))
        context.backlogChanged()
    }
}

extension RedisConnectionConfiguration {
    init(_ configuration: TeleforgeConfiguration, proxy: ProxySettings?) {
        var names: [String: String] = [:]
        for (command, name) in configuration.commandNames { names[command.rawValue] = name }
        self = configuration.server.connection(proxy: proxy, writer: RESPCommandWriter(renamed: names))
    }
}
