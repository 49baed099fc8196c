import BridgeCore

/// The keys of a source with `vendor: teleforge`.
package struct TeleforgeConfiguration: AdapterConfiguration {
    package static let vendor = "teleforge"

    package enum Endpoint: Sendable, Equatable {
        case tcp(host: String, port: Int)
        case unix(path: String)
    }

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

    package let endpoint: Endpoint
    package let database: Int
    /// Nil: no TLS.
    package let tls: TLSSettings?
    /// Only ever with a password.
    package let username: String?
    package let password: Secret?
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
        (self.endpoint, self.database, self.tls) = (endpoint, database, tls)
        (self.username, self.password) = (username, password)
        (self.lists, self.topics, self.prefix, self.pop) = (lists, topics, prefix, pop)
        (self.delivery, self.commandNames) = (delivery, commandNames)
        (self.maximumElementBytes, self.maximumDepth) = (maximumElementBytes, maximumDepth)
    }

    package init?(_ section: ConfigurationSection) {
        let target = Self.target(section)
        tls = target?.2
        username = section.string("username")
        password = section.secret("password")
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
        if username != nil, !section.keys.contains("password") {
            section.report(
                "'username' without 'password'", at: section.mark(of: "username"),
                hint: "add password: { credential: NAME }")
        }
        guard let target else { return nil }
        (endpoint, database, _) = target
    }

    private static let prefixPattern = TextPattern("visible ASCII without blanks, not ending with ':'") {
        $0.utf8.allSatisfy { (0x21...0x7E).contains($0) } && !$0.hasSuffix(":")
    }

    private static let commandPattern = TextPattern("up to 128 visible ASCII characters without blanks") {
        $0.utf8.count <= 128 && $0.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }

    /// Where to connect to, which database, and how TLS is spoken.
    private typealias Target = (Endpoint, Int, TLSSettings?)

    private static func target(_ section: ConfigurationSection) -> Target? {
        let form = "redis://HOST:PORT/DATABASE, rediss:// for TLS, or unix:///PATH"
        let url = section.url(
            "redis", schemes: ["redis", "rediss", "unix"], hostless: ["unix"], form: form, required: true)
        let tls = section.tls("tls")
        guard let url else { return nil }
        let mark = section.valueMark(of: "redis")
        if url.scheme != "rediss", section.keys.contains("tls") {
            section.report(
                "'tls' without TLS: the URL of 'redis' begins with \(url.scheme)://", at: section.mark(of: "tls"),
                hint: "write rediss://HOST:PORT/DATABASE, or remove 'tls'")
        }
        if url.scheme == "unix", section.keys.contains("proxy") {
            section.report(
                "no proxy leads to a unix socket", at: section.mark(of: "proxy"), hint: "remove 'proxy'")
        }
        let target =
            url.scheme == "unix" ? unixTarget(url, at: mark, in: section) : tcpTarget(url, at: mark, in: section)
        return target.map { ($0, $1, url.scheme == "rediss" ? tls ?? TLSSettings() : nil) }
    }

    private static func tcpTarget(
        _ url: ConfigurationURL, at mark: ConfigurationMark, in section: ConfigurationSection
    ) -> (Endpoint, Int)? {
        guard url.query == nil else {
            section.report(
                "bad URL for 'redis': a query has no meaning here", at: mark,
                hint: "write \(url.scheme)://HOST:PORT/DATABASE")
            return nil
        }
        guard let database = database(url.path.dropFirst(), at: mark, in: section) else { return nil }
        return (.tcp(host: url.host, port: url.port ?? 6379), database)
    }

    private static func unixTarget(
        _ url: ConfigurationURL, at mark: ConfigurationMark, in section: ConfigurationSection
    ) -> (Endpoint, Int)? {
        guard url.host.isEmpty, url.path.utf8.count > 1 else {
            section.report(
                "bad URL for 'redis': a socket needs an absolute path", at: mark,
                hint: "write three slashes: unix:///PATH")
            return nil
        }
        // sockaddr_un holds 108 bytes, the last one zero (unix(7)).
        guard url.path.utf8.count <= 107 else {
            section.report("the socket's path is longer than 107 bytes", at: mark)
            return nil
        }
        var text: Substring = ""
        if let query = url.query {
            guard query.hasPrefix("db=") else {
                section.report("bad URL for 'redis': unknown query", at: mark, hint: "write unix:///PATH?db=NUMBER")
                return nil
            }
            text = query.dropFirst(3)
        }
        guard let database = database(text, at: mark, in: section) else { return nil }
        return (.unix(path: url.path), database)
    }

    private static func database(_ text: Substring, at mark: ConfigurationMark, in section: ConfigurationSection)
        -> Int?
    {
        guard !text.isEmpty else { return 0 }
        guard let number = Quantity.integer(text), number < 65536 else {
            section.report(
                "bad URL for 'redis': the database is not a number", at: mark, hint: "expected a number from 0 to 65535"
            )
            return nil
        }
        return number
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
