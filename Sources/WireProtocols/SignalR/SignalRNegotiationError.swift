import Codecs

/// Why an attempt to negotiate ends. Each is one sentence with advice.
public enum SignalRNegotiationError: Error, Equatable, Sendable {
    /// Any status but 200.
    case refused(SignalRRefusal)
    /// The server's own words.
    case declined(String)
    /// A page for people where an answer was due.
    case webPage
    /// 200, and no JSON object.
    case notSignalR(JSONError?)
    /// The older SignalR of ASP.NET, which shares nothing but its name.
    case classicSignalR(version: String)
    case noWebSockets(offered: [String])
    case noConnectionID
    case statefulReconnect
    case badRedirect
    case badRedirectToken
    case insecureRedirect(to: HTTPURL)
    case tooManyRedirects(limit: Int)

    /// What the client has to do.
    public var reaction: SignalRReaction {
        switch self {
        case .refused(let refusal): refusal.reaction
        case .webPage: .renewToken
        case .noConnectionID: .backOff
        case .declined, .notSignalR, .classicSignalR, .noWebSockets, .statefulReconnect, .badRedirect,
            .badRedirectToken, .insecureRedirect, .tooManyRedirects:
            .refuse
        }
    }
}

extension SignalRNegotiationError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .refused(let refusal): "\(refusal)"
        case .declined(let text): "the server does not negotiate: \(Self.quoted(text))"
        case .webPage:
            "negotiate was answered with a page for people: a proxy wants a login, or the URL leads to a web site"
        case .notSignalR(let error):
            "negotiate was answered with something else than a JSON object"
                + (error.map { " (\($0))" } ?? "") + ": there is no hub at this URL, check it"
        case .classicSignalR(let version):
            "the server speaks the older SignalR of ASP.NET (protocol \(Self.quoted(version))), not that of ASP.NET Core: "
                + "they are not compatible; ask for the URL of the newer one"
        case .noWebSockets(let offered):
            "the server offers no WebSockets with text"
                + (offered.isEmpty ? "" : ", but \(Self.quoted(offered.joined(separator: ", ")))")
                + ": switch them on there, or in the proxy in front of it"
        case .noConnectionID: "the answer to negotiate has no id for the connection: look into the server's log"
        case .statefulReconnect:
            "the server insists on stateful reconnect, which was not asked for: switch it off there"
        case .badRedirect:
            "negotiate leads to something that is no http or https URL: look at the server's configuration"
        case .badRedirectToken: "negotiate leads elsewhere with a token that cannot be one: look at the server"
        case .insecureRedirect(let url):
            "negotiate leads from https to \(url), which would show the token to everyone: give the right URL"
        case .tooManyRedirects(let limit): "more than \(limit) redirects: give the URL that they lead to"
        }
    }

    private static func quoted(_ text: String) -> String {
        "'" + HTTPSyntax.printable(Array(text.utf8), limit: 200) + "'"
    }
}
