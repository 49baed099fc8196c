/// Where on the way up to a hub an HTTP status came.
public enum SignalRStep: String, Sendable, Equatable, CaseIterable {
    case negotiate
    /// The WebSocket with the id that negotiate gave.
    case connect
    /// The WebSocket without negotiate.
    case connectDirectly

    var name: String { self == .negotiate ? "negotiate" : "the WebSocket" }
}

/// What a client has to do about an answer.
public enum SignalRReaction: Sendable, Equatable {
    case proceed
    /// Forget the token, get another, and try once more at once. A second time in a row: as `refuse`.
    case renewToken
    /// Negotiate once more at once. A second time in a row: as `backOff`.
    case negotiateAgain
    /// Try again after a random wait under a ceiling that grows.
    case backOff
    /// Try again when the server's Retry-After says; where there is none, as `backOff`.
    case retryAfter
    /// A long wait and a notice to the operator: nothing changes before somebody changes something.
    case refuse
}

/// The HTTP statuses on the way to a hub and what they ask for: one table.
public enum SignalRStatus {
    struct Row: Sendable {
        let statuses: ClosedRange<Int>
        var steps: [SignalRStep] = SignalRStep.allCases
        let reaction: SignalRReaction
        let advice: StaticString
    }

    /// The first row that fits counts. After HttpConnectionDispatcher.cs of ASP.NET Core and TransportProtocols.md.
    static let table = [
        Row(statuses: 200...200, steps: [.negotiate], reaction: .proceed, advice: "go on"),
        Row(statuses: 101...101, steps: [.connect, .connectDirectly], reaction: .proceed, advice: "go on"),
        Row(
            statuses: 200...299, reaction: .renewToken,
            advice: "a page or something else where a hub was expected: a proxy wants a login, or the URL is wrong"),
        Row(
            statuses: 300...399, reaction: .renewToken,
            advice: "a redirect, as to a login page: a proxy in front wants a login, or the URL is wrong"),
        Row(
            statuses: 400...400, reaction: .backOff,
            advice: "the id is missing or belongs to another transport: a fault here or in a proxy in between"),
        Row(statuses: 401...401, reaction: .renewToken, advice: "the token is missing, expired or refused"),
        Row(
            statuses: 403...403, reaction: .refuse,
            advice: "the token is good, and access is refused: give its user the right"),
        Row(
            statuses: 404...404, steps: [.connect], reaction: .negotiateAgain,
            advice: "the id is not known: it is too old, or a balancer chose another server (see skip_negotiation)"),
        Row(statuses: 404...404, reaction: .refuse, advice: "there is no hub at this path: check the URL"),
        Row(statuses: 405...405, reaction: .refuse, advice: "this is no hub, or a proxy does not let it through"),
        Row(statuses: 408...408, reaction: .backOff, advice: "the request took too long"),
        Row(
            statuses: 409...409, steps: [.connect], reaction: .negotiateAgain,
            advice: "there is a WebSocket with this id already"),
        Row(statuses: 409...409, reaction: .backOff, advice: "a conflict at the server"),
        Row(statuses: 425...425, reaction: .backOff, advice: "the server does not take early requests"),
        Row(statuses: 429...429, reaction: .retryAfter, advice: "there were too many requests"),
        Row(statuses: 503...503, reaction: .retryAfter, advice: "the server is overloaded or not ready"),
        Row(statuses: 502...502, reaction: .backOff, advice: "the proxy in front does not reach the server"),
        Row(statuses: 504...504, reaction: .backOff, advice: "the proxy in front does not reach the server"),
        Row(statuses: 500...599, reaction: .backOff, advice: "the server failed: look into its log"),
    ]

    private static let other = Row(
        statuses: 0...Int.max, reaction: .refuse,
        advice: "not what a hub answers: check the URL and what is in front of it"
    )

    static func row(for status: Int, at step: SignalRStep) -> Row {
        table.first { $0.statuses.contains(status) && $0.steps.contains(step) } ?? other
    }

    public static func reaction(to status: Int, at step: SignalRStep) -> SignalRReaction {
        row(for: status, at: step).reaction
    }
}

/// An answer over HTTP that is not the one that leads on: where it came, and what to do.
public struct SignalRRefusal: Error, Equatable, Sendable {
    public let step: SignalRStep
    public let refusal: HTTPRefusal

    public init(_ step: SignalRStep, _ refusal: HTTPRefusal) { (self.step, self.refusal) = (step, refusal) }

    public var reaction: SignalRReaction { SignalRStatus.reaction(to: refusal.status, at: step) }

    /// How long the server wants to be left alone, where the table says that this counts; a day at most.
    public var retryAfter: Duration? { reaction == .retryAfter ? refusal.retryAfter : nil }
}

extension SignalRRefusal: CustomStringConvertible {
    public var description: String {
        let wait = retryAfter.map { "; it asks for \($0.components.seconds) s of peace" } ?? ""
        return
            "\(step.name) was answered with \(refusal.answer): \(SignalRStatus.row(for: refusal.status, at: step).advice)"
            + wait
    }
}
