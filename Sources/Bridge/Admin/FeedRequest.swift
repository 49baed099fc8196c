import BridgeCore
import CallModel
import Sinks

/// What a reader asks of a feed, from the query and `Last-Event-ID`.
struct FeedRequest: Sendable, Equatable {
    /// Why a request makes no sense: a sentence.
    struct Mistake: Error, Equatable, CustomStringConvertible {
        let description: String
    }

    var feed: String
    var start: FeedStart
    var wanted: LineCriteria
    var scope: LineCriteria?

    static let parameters = ["since", "kind", "source", "queue", "agent", "call", "direction", "access_token"]
    /// Values of the filters of one request.
    private static let maximumValues = 256

    init(feed: String, _ request: AdminRequest, scope: LineCriteria?) throws(Mistake) {
        guard let query = request.query else { throw Mistake(description: "the query cannot be decoded") }
        if let unknown = query.first(where: { !Self.parameters.contains($0.name) }) {
            throw Self.unknown("parameter", unknown.name, among: Self.parameters)
        }
        (self.feed, self.scope) = (feed, scope)
        start = try Self.start(request)
        func values(_ name: String) -> [String] {
            query.filter { $0.name == name }.flatMap { $0.value.split(separator: ",").map(String.init) }
        }
        wanted = LineCriteria(
            kinds: values("kind"), sources: values("source"), queues: values("queue"), agents: values("agent"),
            calls: query.filter { $0.name == "call" }.map(\.value), directions: values("direction"))
        guard query.count <= Self.maximumValues, wanted.kinds.count <= Self.maximumValues else {
            throw Mistake(description: "more than \(Self.maximumValues) values in the query")
        }
        try Self.check(wanted)
    }

    /// A browser that comes again repeats its URL and says in the field what it got last.
    private static func start(_ request: AdminRequest) throws(Mistake) -> FeedStart {
        let field = request.lastEventID.flatMap { $0.isEmpty ? nil : $0 }
        guard let text = field ?? request.parameter("since") else { return .now }
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let seq = Int64(text) else {
            throw Mistake(
                description:
                    "expected the seq of a line in \(field == nil ? "'since'" : "Last-Event-ID"), decimal digits")
        }
        return .after(seq)
    }

    private static func check(_ wanted: LineCriteria) throws(Mistake) {
        let kinds = Kind.allCases.map(\.name)
        for glob in wanted.kinds where !kinds.contains(where: { KindGlob.matches($0, glob: glob) }) {
            let near = KindGlob.suggestion(for: glob, among: kinds).map { "; did you mean '\($0)'?" } ?? ""
            throw Mistake(description: "\(ConfigurationDiagnostic.quoted(glob)) matches no kind of event\(near)")
        }
        let directions = Direction.allCases.map(\.rawValue)
        if let other = wanted.directions.first(where: { !directions.contains($0) }) {
            throw unknown("direction", other, among: directions)
        }
    }

    private static func unknown(_ what: String, _ word: String, among words: [String]) -> Mistake {
        let hint = Suggestion.hint(for: word, among: words).map { "; \($0)" } ?? ""
        return Mistake(description: "unknown \(what) \(ConfigurationDiagnostic.quoted(word))\(hint)")
    }
}
