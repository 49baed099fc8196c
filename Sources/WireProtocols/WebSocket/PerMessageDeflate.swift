/// What we want of compression (RFC 7692). A connection costs up to 300 KiB more for it.
public struct PerMessageDeflateConfiguration: Sendable, Equatable {
    /// 8 to 15: how far back the server's compressor may look, as a power of two.
    public var serverMaxWindowBits: Int
    /// The same of the client's.
    public var clientMaxWindowBits: Int
    /// The server begins each message anew: less memory, less compression.
    public var serverNoContextTakeover: Bool
    public var clientNoContextTakeover: Bool
    /// zlib's, 1 to 9.
    public var level: Int
    /// Shorter messages of ours go out as they are.
    public var minimumBytes: Int

    public init(
        serverMaxWindowBits: Int = 15, clientMaxWindowBits: Int = 15, serverNoContextTakeover: Bool = false,
        clientNoContextTakeover: Bool = false, level: Int = 6, minimumBytes: Int = 128
    ) {
        self.serverMaxWindowBits = min(max(serverMaxWindowBits, 8), 15)
        self.clientMaxWindowBits = min(max(clientMaxWindowBits, 8), 15)
        self.serverNoContextTakeover = serverNoContextTakeover
        self.clientNoContextTakeover = clientNoContextTakeover
        (self.level, self.minimumBytes) = (min(max(level, 1), 9), minimumBytes)
    }
}

/// What both sides agreed on (RFC 7692, section 7.1).
public struct PerMessageDeflateAgreement: Sendable, Equatable {
    public var serverMaxWindowBits: Int
    public var clientMaxWindowBits: Int
    public var serverNoContextTakeover: Bool
    public var clientNoContextTakeover: Bool

    public init(
        serverMaxWindowBits: Int = 15, clientMaxWindowBits: Int = 15, serverNoContextTakeover: Bool = false,
        clientNoContextTakeover: Bool = false
    ) {
        (self.serverMaxWindowBits, self.clientMaxWindowBits) = (serverMaxWindowBits, clientMaxWindowBits)
        self.serverNoContextTakeover = serverNoContextTakeover
        self.clientNoContextTakeover = clientNoContextTakeover
    }

    /// As a member of a server's Sec-WebSocket-Extensions. `namesClientBits`: only what was offered may be named.
    func text(namesClientBits: Bool) -> String {
        var text = PerMessageDeflate.name
        if serverNoContextTakeover { text += "; server_no_context_takeover" }
        if clientNoContextTakeover { text += "; client_no_context_takeover" }
        if serverMaxWindowBits < 15 { text += "; server_max_window_bits=\(serverMaxWindowBits)" }
        if namesClientBits, clientMaxWindowBits < 15 { text += "; client_max_window_bits=\(clientMaxWindowBits)" }
        return text
    }
}

/// The negotiation of permessage-deflate (RFC 7692, sections 5 and 7.1).
enum PerMessageDeflate {
    static let name = "permessage-deflate"

    /// The parameters of one member of Sec-WebSocket-Extensions.
    private struct Parameters {
        var serverBits: Int?
        /// The inner nil: named without a value, which only an offer may do.
        var clientBits: Int??
        var serverNoContextTakeover = false
        var clientNoContextTakeover = false

        /// Throws the words for what is wrong.
        init(_ member: WebSocketExtension) throws(WebSocketHandshakeFault) {
            var seen: Set<String> = []
            for (name, value) in member.parameters {
                guard seen.insert(name).inserted else { throw .badCompression("\(name) stands twice") }
                switch name {
                case "server_no_context_takeover", "client_no_context_takeover":
                    guard value == nil else { throw .badCompression("\(name) has a value") }
                    if name.hasPrefix("server") {
                        serverNoContextTakeover = true
                    } else {
                        clientNoContextTakeover = true
                    }
                case "server_max_window_bits":
                    guard let value else { throw .badCompression("\(name) has no value") }
                    serverBits = try Self.bits(value, name)
                case "client_max_window_bits":
                    if let value { clientBits = try Self.bits(value, name) } else { clientBits = .some(nil) }
                default: throw .badCompression("there is no parameter \(HTTPSyntax.printable(name.utf8, limit: 40))")
                }
            }
        }

        private static func bits(_ text: String, _ name: String) throws(WebSocketHandshakeFault) -> Int {
            guard let bits = HTTPSyntax.decimal(Array(text.utf8)), (8...15).contains(bits), !text.hasPrefix("0") else {
                throw .badCompression("\(name) is no number from 8 to 15")
            }
            return bits
        }
    }

    /// A client's offer.
    static func offer(_ configuration: PerMessageDeflateConfiguration) -> String {
        var text = name
        if configuration.serverNoContextTakeover { text += "; server_no_context_takeover" }
        if configuration.clientNoContextTakeover { text += "; client_no_context_takeover" }
        if configuration.serverMaxWindowBits < 15 {
            text += "; server_max_window_bits=\(configuration.serverMaxWindowBits)"
        }
        text += "; client_max_window_bits"
        if configuration.clientMaxWindowBits < 15 { text += "=\(configuration.clientMaxWindowBits)" }
        return text
    }

    /// What a server's answer to `offer(configuration)` means.
    static func agreement(
        answer: WebSocketExtension, to configuration: PerMessageDeflateConfiguration
    ) throws(WebSocketHandshakeFault) -> PerMessageDeflateAgreement {
        let parameters = try Parameters(answer)
        var agreement = PerMessageDeflateAgreement()
        agreement.serverNoContextTakeover = parameters.serverNoContextTakeover
        if configuration.serverNoContextTakeover, !parameters.serverNoContextTakeover {
            throw .badCompression("server_no_context_takeover was asked for and is missing")
        }
        agreement.clientNoContextTakeover =
            parameters.clientNoContextTakeover || configuration.clientNoContextTakeover
        agreement.serverMaxWindowBits = parameters.serverBits ?? 15
        guard agreement.serverMaxWindowBits <= configuration.serverMaxWindowBits else {
            throw .badCompression("server_max_window_bits is larger than \(configuration.serverMaxWindowBits)")
        }
        agreement.clientMaxWindowBits = configuration.clientMaxWindowBits
        if let named = parameters.clientBits {
            guard let bits = named else { throw .badCompression("client_max_window_bits has no value") }
            guard bits <= configuration.clientMaxWindowBits else {
                throw .badCompression("client_max_window_bits is larger than \(configuration.clientMaxWindowBits)")
            }
            agreement.clientMaxWindowBits = bits
        }
        return agreement
    }

    /// A server's choice among the offers of a client: the first one that is as it should be.
    static func choose(
        among offers: [WebSocketExtension], _ configuration: PerMessageDeflateConfiguration
    ) -> (agreement: PerMessageDeflateAgreement, text: String)? {
        for offer in offers where offer.name == name {
            guard let parameters = try? Parameters(offer) else { continue }
            var agreement = PerMessageDeflateAgreement()
            agreement.serverNoContextTakeover =
                parameters.serverNoContextTakeover || configuration.serverNoContextTakeover
            agreement.clientNoContextTakeover =
                parameters.clientNoContextTakeover || configuration.clientNoContextTakeover
            agreement.serverMaxWindowBits = min(parameters.serverBits ?? 15, configuration.serverMaxWindowBits)
            if let named = parameters.clientBits {
                agreement.clientMaxWindowBits = min(named ?? 15, configuration.clientMaxWindowBits)
            }
            return (agreement, agreement.text(namesClientBits: parameters.clientBits != nil))
        }
        return nil
    }
}
