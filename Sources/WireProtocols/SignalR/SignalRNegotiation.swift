import NIOCore

// One attempt to come up: requests over HTTP until the WebSocket can be opened.
//
//   begin() ─▶ request ──200 with an id──▶ connect
//      │         ▲  │
//      │         └──┘ redirect: there, with its token
//      └─(skips negotiation)──────────────▶ connect
//
// A redirect and its token belong to the attempt: the next one is a new value with the hub's own URL and the token of the
// day. That is why this is no part of a connection.

/// How a token is shown when the WebSocket is opened. The negotiate request always has it in its header.
public enum AccessTokenPlacement: Sendable, Equatable {
    case header
    /// As `access_token`, which proxies write into their logs: for servers that read nothing else.
    case query
}

/// What the WebSocket is opened with.
public struct HubSocketRequest: Sendable, Equatable {
    /// Its target has the secret id of the connection and maybe the token: it is not for messages.
    public let url: HTTPURL
    /// For the Authorization field; nil where the token stands in the query, or where there is none.
    public let credentials: HTTPCredentials?
    /// The server's name for the connection, for logs; nil where it has told none that is public.
    public let connectionID: String?
    /// How an answer other than 101 is to be read.
    public let step: SignalRStep
}

/// One attempt to come up to a hub, as a value: answers over HTTP in, requests and at last the WebSocket's out.
public struct SignalRNegotiation: Sendable {
    /// A POST without a body.
    public struct Request: Sendable, Equatable {
        public let url: HTTPURL
        /// Makes authentication of the cookie kind answer 401 instead of leading to a login page.
        public let headers: HTTPHeaders = ["X-Requested-With": "XMLHttpRequest"]
        public let credentials: HTTPCredentials?
    }

    public enum Step: Sendable, Equatable {
        case request(Request)
        case connect(HubSocketRequest)
    }

    private var hub: HubURL
    private var credentials: HTTPCredentials?
    private let placement: AccessTokenPlacement
    private let skipsNegotiation: Bool
    private let redirectLimit: Int
    /// Redirects followed so far.
    public private(set) var redirects = 0

    /// - Parameters:
    ///   - credentials: nil for a hub that wants none.
    ///   - skipsNegotiation: the WebSocket at once, without an id: for balancers that know no sticky sessions.
    ///   - redirectLimit: further ones fail; 100 is the limit of Microsoft's clients.
    public init(
        _ hub: HubURL, credentials: HTTPCredentials?, placement: AccessTokenPlacement = .header,
        skipsNegotiation: Bool = false, redirectLimit: Int = 100
    ) {
        (self.hub, self.credentials, self.placement) = (hub, credentials, placement)
        (self.skipsNegotiation, self.redirectLimit) = (skipsNegotiation, redirectLimit)
    }

    /// What to do first.
    public func begin() -> Step {
        skipsNegotiation ? connect(id: nil, connectionID: nil) : .request(request)
    }

    /// The answer to the latest request. Redirects of HTTP itself are not followed: they lead to login pages.
    public mutating func receive(_ head: HTTPResponseHead, body: ByteBuffer) throws(SignalRNegotiationError) -> Step {
        guard SignalRStatus.reaction(to: head.status, at: .negotiate) == .proceed else {
            let refusal = HTTPRefusal(head: head, body: Array(body.readableBytesView.prefix(HTTPRefusal.bodyBytes)))
            throw .refused(SignalRRefusal(.negotiate, refusal))
        }
        switch try NegotiateResponse(body) {
        case .connection(let id, let connectionID): return connect(id: id, connectionID: connectionID)
        case .redirect(let url, let accessToken):
            try follow(url, accessToken: accessToken)
            return .request(request)
        }
    }

    private var request: Request { Request(url: hub.negotiation, credentials: credentials) }

    /// Without a token of its own a redirect is asked with ours: who sends us there has seen it already.
    private mutating func follow(_ text: String, accessToken: String?) throws(SignalRNegotiationError) {
        guard redirects < redirectLimit else { throw .tooManyRedirects(limit: redirectLimit) }
        guard let next = HubURL(text) ?? hub.url.resolving(text).map({ HubURL($0) }) else { throw .badRedirect }
        guard next.url.isSecure || !hub.url.isSecure else { throw .insecureRedirect(to: next.url) }
        if let accessToken, !accessToken.isEmpty {
            guard let token = HTTPCredentials.bearer(Array(accessToken.utf8)) else { throw .badRedirectToken }
            credentials = token
        }
        hub = next
        redirects += 1
    }

    private func connect(id: String?, connectionID: String?) -> Step {
        var query: [(name: String, value: String)] = []
        if let id { query.append(("id", id)) }
        var credentials = credentials
        if placement == .query, let token = credentials?.bearerToken {
            query.append(("access_token", token))
            credentials = nil
        }
        return .connect(
            HubSocketRequest(
                url: hub.socket(query: query), credentials: credentials, connectionID: connectionID,
                step: id == nil ? .connectDirectly : .connect))
    }
}
