/// Where a hub is: what is asked for over HTTP and over the WebSocket follows from it. Printed without path and query,
/// which may hold secrets.
public struct HubURL: Sendable, Equatable {
    /// The hub itself, as http or https.
    public let url: HTTPURL

    public init(_ url: HTTPURL) {
        self.url = url.target.hasSuffix("?") ? url.withTarget(String(url.target.dropLast())) : url
    }

    /// Nil for anything but an absolute http, https, ws or wss URL. ws is http and wss is https: a hub is reached by both.
    public init?(_ text: String) {
        let scheme = text.prefix { $0 != ":" }
        let address = text[scheme.endIndex...]
        let web: Substring =
            switch scheme.lowercased() {
            case "ws": "http"
            case "wss": "https"
            default: scheme
            }
        guard let url = HTTPURL(String(web + address)) else { return nil }
        self.init(url)
    }

    /// What is posted to: the hub's path and `negotiate`, the hub's own query kept, and the version of the answer that is
    /// understood here unless the query asks for one already (TransportProtocols.md, "POST [endpoint-base]/negotiate").
    public var negotiation: HTTPURL {
        let path = url.target.prefix { $0 != "?" }
        let query = url.target[path.endIndex...]
        let target = path + (path.hasSuffix("/") ? "negotiate" : "/negotiate") + query
        let names = query.dropFirst().split(separator: "&").map { $0.prefix { $0 != "=" } }
        let asksForVersion = names.contains { HTTPSyntax.equal($0, "negotiateVersion") }
        return url.withTarget(
            HTTPTarget.make(path: String(target), query: asksForVersion ? [] : [("negotiateVersion", "1")]))
    }

    /// What the WebSocket asks for: the hub's path, its own query, and `query` behind that, percent-encoded.
    func socket(query: [(name: String, value: String)]) -> HTTPURL {
        url.withTarget(HTTPTarget.make(path: url.target, query: query))
    }
}

extension HubURL: CustomStringConvertible {
    public var description: String { "\(url)" }
}
