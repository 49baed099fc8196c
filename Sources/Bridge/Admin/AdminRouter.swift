import BridgeCore
import Sinks
import WireProtocols

/// What is to be done with a request: who may ask for what. No I/O.
struct AdminRouter: Sendable {
    enum Decision: Sendable, Equatable {
        case answer(AdminAnswer)
        case status
        case metrics
        case feed(FeedRequest)
    }

    private static let methods = "GET, HEAD, OPTIONS"

    let tokens: AdminTokens
    let origins: [String]
    let feeds: [String]

    func decide(_ request: AdminRequest) -> Decision {
        if request.hasBody {
            var answer = AdminAnswer.error(413, "no request here has a body")
            answer.closes = true
            return .answer(answer)
        }
        guard ["GET", "HEAD", "OPTIONS"].contains(request.method) else {
            return .answer(.error(405, "expected GET, HEAD or OPTIONS", [.init("allow", Self.methods)]))
        }
        if request.method == "OPTIONS" { return .answer(options(request)) }
        if request.path == "/health" { return .answer(.text("ok\n")) }
        switch authenticate(request) {
        case .success(let grant): return decide(request, grant)
        case .failure(let refusal): return .answer(refusal.answer)
        }
    }

    private func decide(_ request: AdminRequest, _ grant: AdminTokens.Grant) -> Decision {
        switch request.path {
        case "/status", "/metrics":
            guard grant.scope == nil else {
                return .answer(.error(403, "this token is for feeds: \(request.path) needs one without a scope"))
            }
            return request.path == "/status" ? .status : .metrics
        case let path where path.hasPrefix("/feed/"):
            return feed(String(path.dropFirst(6)), request, grant)
        default:
            return .answer(.error(404, "there are /health, /status, /metrics and /feed/NAME"))
        }
    }

    private func feed(_ name: String, _ request: AdminRequest, _ grant: AdminTokens.Grant) -> Decision {
        // Not even the names of others' feeds are told.
        let open = feeds.filter { grant.scope?.opens(feed: $0) ?? true }
        guard open.contains(name) else {
            let list = open.joined(separator: ", ")
            return .answer(.error(404, "there is no such feed for this token; there are: \(list)"))
        }
        do {
            let lines = grant.scope.flatMap { $0.lines.isEmpty ? nil : $0.lines }
            return .feed(try FeedRequest(feed: name, request, scope: lines))
        } catch {
            return .answer(.error(400, error.description))
        }
    }

    // MARK: - Who asks

    private struct Refusal: Error {
        let answer: AdminAnswer
    }

    /// EventSource of browsers cannot send fields: for feeds the token may be in the query.
    private func authenticate(_ request: AdminRequest) -> Result<AdminTokens.Grant, Refusal> {
        var given = request.authorization.map { HTTPCredentials(field: $0) }
        if given == nil, request.path.hasPrefix("/feed/"), let token = request.parameter("access_token") {
            given = .some(HTTPCredentials.bearer(Array(token.utf8)))
        }
        guard let given else {
            let field = AdminAnswer.Field("www-authenticate", #"Bearer realm="cti-bridge""#)
            return .failure(Refusal(answer: .error(401, "expected Authorization: Bearer TOKEN", [field])))
        }
        guard let credentials = given, let grant = tokens.grant(credentials) else {
            let field = AdminAnswer.Field("www-authenticate", #"Bearer realm="cti-bridge", error="invalid_token""#)
            return .failure(Refusal(answer: .error(401, "this token opens nothing here", [field])))
        }
        return .success(grant)
    }

    // MARK: - Browsers

    /// What an answer to a page of `origin` needs so that the page may read it.
    func originFields(_ request: AdminRequest) -> [AdminAnswer.Field] {
        guard !origins.isEmpty else { return [] }
        let vary = AdminAnswer.Field("vary", "Origin")
        guard let origin = request.origin, origins.contains(origin) || origins.contains("*") else { return [vary] }
        return [vary, AdminAnswer.Field("access-control-allow-origin", origin)]
    }

    private func options(_ request: AdminRequest) -> AdminAnswer {
        let allow = AdminAnswer.Field("allow", Self.methods)
        guard request.requestedMethod != nil,
            originFields(request).contains(where: { $0.name == "access-control-allow-origin" })
        else { return AdminAnswer(status: 204, fields: [allow]) }
        return AdminAnswer(
            status: 204,
            fields: [
                allow, .init("access-control-allow-methods", "GET, HEAD"),
                .init("access-control-allow-headers", "authorization, last-event-id, cache-control"),
                .init("access-control-max-age", "600"),
            ])
    }
}
