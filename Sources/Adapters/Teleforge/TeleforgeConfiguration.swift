import BridgeCore

/// The keys of a source with `vendor: teleforge`.
package struct TeleforgeConfiguration: AdapterConfiguration {
    package static let vendor = "teleforge"

    package typealias Endpoint = RedisSettings.Endpoint

    /// The lists of Teleforge that hold elements for us; the raw value is the last part of the key.
    package enum List: String, Sendable, CaseIterable {
        case inbound
        case cdr
        case campaigns
    }

    /// What can be heard by subscription; the raw value is the part of the channel name behind the prefix.
    package enum Topic: String, Sendable, CaseIterable {
        case agents
        case campaigns
        case dialers
    }

    /// The end of a list that is read first.
    package enum Pop: String, Sendable, CaseIterable {
        /// The head: right for producers that RPUSH, as the dialler does.
        case left
        case right
    }

    package enum Delivery: String, Sendable, CaseIterable {
        /// An element is removed from the list after its lines are durable.
        case atLeastOnce = "at_least_once"
        /// An element is popped, and lost with the process if that ends before its lines are durable.
        case atMostOnce = "at_most_once"
    }

    /// A Redis command that the source sends and that `rename-command` may have hidden.
    package enum Command: String, Sendable, CaseIterable {
        case auth = "AUTH"
        case blmove = "BLMOVE"
        case blpop = "BLPOP"
        case brpop = "BRPOP"
        case client = "CLIENT"
        case hello = "HELLO"
        case llen = "LLEN"
        case lrange = "LRANGE"
        case lrem = "LREM"
        case ping = "PING"
        case psubscribe = "PSUBSCRIBE"
        case select = "SELECT"
    }

    package let server: RedisSettings
    package let lists: [List]
    package let topics: [Topic]
    /// Without a colon at its end.
    package let prefix: String
    package let pop: Pop
    package let delivery: Delivery
    /// The server's own names of commands that it has renamed.
    package let commandNames: [Command: String]
    package let maximumElementBytes: Int
    /// The deepest nesting of an element's JSON.
    package let maximumDepth: Int

    /// What a file with nothing but `redis:` means, where no other value is given.
    package init(
        endpoint: Endpoint, database: Int = 0, tls: TLSSettings? = nil, username: String? = nil,
        password: Secret? = nil,
        lists: [List] = List.allCases, topics: [Topic] = [], prefix: String = "enigma:notifications", pop: Pop = .left,
        delivery: Delivery = .atLeastOnce, commandNames: [Command: String] = [:], maximumElementBytes: Int = 1 << 20,
        maximumDepth: Int = 16
    ) {
        server = RedisSettings(
            endpoint: endpoint, database: database, tls: tls, username: username, password: password)
        (self.lists, self.topics, self.prefix, self.pop) = (lists, topics, prefix, pop)
        (self.delivery, self.commandNames) = (delivery, commandNames)
        (self.maximumElementBytes, self.maximumDepth) = (maximumElementBytes, maximumDepth)
    }

    package init?(_ section: ConfigurationSection) {
        let server = section.redis()
        lists = section.enumerations("lists", List.self) ?? List.allCases
        topics = section.enumerations("pubsub", Topic.self) ?? []
        prefix = section.string("prefix", matching: Self.prefixPattern) ?? "enigma:notifications"
        pop = section.enumeration("pop", Pop.self) ?? .left
        delivery = section.enumeration("delivery", Delivery.self) ?? .atLeastOnce
        commandNames = section.section("commands").map(Self.commandNames) ?? [:]
        (maximumElementBytes, maximumDepth) = Self.limits(section.section("limits"))
        if lists.isEmpty, topics.isEmpty, section.keys.contains("lists") {
            section.report(
                "neither lists nor channels are to be read", at: section.mark(of: "lists"), hint: "name at least one")
        }
        guard let server else { return nil }
        self.server = server
    }

    private static let prefixPattern = TextPattern("visible ASCII without blanks, not ending with ':'") {
        $0.utf8.allSatisfy { (0x21...0x7E).contains($0) } && !$0.hasSuffix(":")
    }

    private static let commandPattern = TextPattern("up to 128 visible ASCII characters without blanks") {
        $0.utf8.count <= 128 && $0.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }

    private static func commandNames(_ section: ConfigurationSection) -> [Command: String] {
        var names: [Command: String] = [:]
        for key in section.keys {
            guard let command = Command(rawValue: key.uppercased()) else { continue }
            if let name = section.string(key, matching: commandPattern), names.updateValue(name, forKey: command) != nil
            {
                section.report("\(command.rawValue) is renamed twice", at: section.mark(of: key))
            }
        }
        let known = Command.allCases.map(\.rawValue)
        for key in section.keys where Command(rawValue: key.uppercased()) == nil {
            section.refuse(
                key, "\(ConfigurationDiagnostic.quoted(key)) is no command that this source sends",
                hint: Suggestion.hint(for: key, among: known))
        }
        return names
    }

    private static func limits(_ section: ConfigurationSection?) -> (bytes: Int, depth: Int) {
        let bytes = section?.size("element_bytes", in: 1 << 10...64 << 20)
        let depth = section?.integer("depth", in: 2...64)
        section?.finish()
        return (bytes ?? 1 << 20, depth ?? 16)
    }
}
