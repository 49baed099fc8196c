import WireProtocols

/// The head of a request to the admin listener, as far as it matters.
struct AdminRequest: Sendable {
    var method: String
    /// Without the query.
    var path: String
    /// In their order, decoded; nil: not to be decoded.
    var query: [(name: String, value: String)]?
    /// The Authorization field.
    var authorization: String?
    var origin: String?
    var lastEventID: String?
    /// Of a browser that asks before it sends a request.
    var requestedMethod: String?
    var hasBody: Bool

    /// `target` is the path with its query, as it came.
    init(
        _ method: String, _ target: String, authorization: String? = nil, origin: String? = nil,
        lastEventID: String? = nil, requestedMethod: String? = nil, hasBody: Bool = false
    ) {
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        (self.method, path) = (method, parts.first.map(String.init) ?? "")
        query = Self.query(parts.count > 1 ? parts[1] : "")
        (self.authorization, self.origin, self.lastEventID) = (authorization, origin, lastEventID)
        (self.requestedMethod, self.hasBody) = (requestedMethod, hasBody)
    }

    /// The first of that name.
    func parameter(_ name: String) -> String? { query?.first { $0.name == name }?.value }

    private static func query(_ text: Substring) -> [(name: String, value: String)]? {
        var query: [(name: String, value: String)] = []
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = HTTPTarget.decode(parts[0]), let value = HTTPTarget.decode(parts.count > 1 ? parts[1] : "")
            else { return nil }
            query.append((name, value))
        }
        return query
    }
}

/// A whole answer. `text` of errors is a JSON object with a sentence.
struct AdminAnswer: Sendable, Equatable {
    struct Field: Sendable, Equatable {
        let name: String
        let value: String

        init(_ name: String, _ value: String) { (self.name, self.value) = (name, value) }
    }

    var status: Int
    var fields: [Field] = []
    var body: [UInt8] = []
    /// The connection ends behind it.
    var closes = false

    static func text(_ text: String) -> AdminAnswer {
        AdminAnswer(
            status: 200, fields: [Field("content-type", "text/plain; charset=utf-8")], body: Array(text.utf8))
    }

    static func content(_ type: String, _ body: [UInt8]) -> AdminAnswer {
        AdminAnswer(status: 200, fields: [Field("content-type", type)], body: body)
    }

    static func error(_ status: Int, _ sentence: String, _ fields: [Field] = []) -> AdminAnswer {
        AdminAnswer(
            status: status, fields: [Field("content-type", "application/json")] + fields,
            body: ControlAnswer.error(sentence) + [UInt8(ascii: "\n")])
    }
}
