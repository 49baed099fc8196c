import BridgeCore
import NIOCore
import Transport

/// The keys of a sink with `type: redis`.
package struct RedisSinkConfiguration: SinkTypeConfiguration {
    package static let type = "redis"

    package enum Trim: String, Sendable, CaseIterable {
        case approximate, exact
    }

    /// Entries that a stream keeps where the file does not say.
    package static let usualLength = 100_000

    package let server: RedisSettings
    package let proxy: ProxySettings?
    package let destination: RedisSink.Destination
    package let format: LineFormat
    package let batch: Int
    package let timeout: Duration
    package let maximumKeys: Int

    /// Keys and fields are made from the event itself.
    package var formatsLines: Bool { true }

    package init?(_ section: ConfigurationSection) {
        let server = section.redis()
        proxy = section.proxy("proxy")
        let destination = Self.destination(section)
        format = Self.format(section)
        batch = section.integer("batch", in: 1...1000) ?? 200
        timeout = section.duration("timeout", in: .milliseconds(100)...(.seconds(600))) ?? .seconds(15)
        maximumKeys = section.integer("max_keys", in: 1...1_000_000) ?? 10_000
        guard let server, let destination else { return nil }
        (self.server, self.destination) = (server, destination)
        let isKept = if case .channel = destination { false } else { true }
        if section.keys.contains("max_keys"), destination.name.isConstant || !isKept {
            section.report(
                "'max_keys' has no meaning here: \(isKept ? "the name has no placeholders" : "channels are not kept")",
                at: section.mark(of: "max_keys"), hint: "remove it")
        }
    }

    // MARK: - Where to

    private static let places = ["stream", "list", "channel"]
    private static let ownKeys = [
        "stream": ["max_length", "keep", "trim"], "list": ["push", "max_length"], "channel": [],
    ]

    private static func destination(_ section: ConfigurationSection) -> RedisSink.Destination? {
        let given = places.filter { section.keys.contains($0) }
        let length = length(section)
        let keep = section.duration("keep", in: .seconds(1)...(.seconds(3650 * 86_400)))
        let trim = section.enumeration("trim", Trim.self)
        let push = section.enumeration("push", RedisSink.Destination.End.self)
        let templates = given.map { template($0, section) }
        guard let place = given.first, given.count == 1 else {
            section.report(
                given.isEmpty
                    ? "none of 'stream', 'list' and 'channel'" : "'\(given[0])' and '\(given[1])' in one sink",
                at: given.isEmpty ? section.mark : section.mark(of: given[1]),
                hint: given.isEmpty ? "write stream: cti:events" : "make two sinks of them")
            return nil
        }
        let own = ownKeys[place] ?? []
        for key in ["max_length", "keep", "trim", "push"] where section.keys.contains(key) && !own.contains(key) {
            section.report("'\(key)' has no meaning for a \(place)", at: section.mark(of: key), hint: "remove it")
        }
        guard let template = templates[0] else { return nil }
        switch place {
        case "stream": return .stream(template, trimming(section, length: length, keep: keep, trim: trim))
        case "list": return .list(template, push ?? .right, length: length.flatMap { $0 })
        default: return .channel(template)
        }
    }

    private static func trimming(
        _ section: ConfigurationSection, length: Int??, keep: Duration?, trim: Trim?
    ) -> RedisSink.Trimming? {
        if section.keys.contains("keep"), section.keys.contains("max_length") {
            section.report(
                "'keep' and 'max_length' in one stream: Redis trims by one of them", at: section.mark(of: "keep"),
                hint: "remove one")
        }
        let isUnbounded = length == .some(nil)
        if isUnbounded, trim != nil {
            section.report(
                "'trim' has no meaning with max_length: none", at: section.mark(of: "trim"), hint: "remove it")
        }
        if let keep { return RedisSink.Trimming(.age(keep), isExact: trim == .exact) }
        return isUnbounded
            ? nil : RedisSink.Trimming(.length((length ?? usualLength) ?? usualLength), isExact: trim == .exact)
    }

    /// Nil where it is not given, none where it is switched off.
    private static func length(_ section: ConfigurationSection) -> Int?? {
        if let node = section.value("max_length"), case .scalar("none", _) = node.content { return .some(nil) }
        return section.integer("max_length", in: 1...1_000_000_000).map { .some($0) }
    }

    private static func template(_ key: String, _ section: ConfigurationSection) -> LineTemplate? {
        guard let text = section.string(key) else { return nil }
        do {
            return try LineTemplate(text)
        } catch {
            section.report("bad '\(key)': \(error.cause)", at: section.valueMark(of: key), hint: error.hint)
            return nil
        }
    }

    /// The words are judged where all sinks' are.
    private static func format(_ section: ConfigurationSection) -> LineFormat {
        guard let node = section.value("format"), case .scalar("cloudevents", _) = node.content else { return .json }
        return .cloudEvents(typePrefix: section.string("type_prefix") ?? CloudEvent.usualTypePrefix)
    }
}

extension RedisSinkConfiguration {
    package func makeSink(_ context: SinkContext) throws -> any Sink {
        var connection = server.connection(proxy: proxy)
        let limit = TimeAmount(timeout)
        connection.handshakeTimeout = min(connection.handshakeTimeout, limit)
        var options = RedisSink.Options(server: connection, destination: destination)
        options.format = format
        options.batchLines = batch
        options.timeout = timeout
        options.maximumKeys = maximumKeys
        return RedisSink(name: context.name, options: options, logger: context.logger)
    }
}
