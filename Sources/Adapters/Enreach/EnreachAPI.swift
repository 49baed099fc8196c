import BridgeCore
import Codecs
import NIOCore
import Transport
import WireProtocols

/// EnreachAPI, the vendor's REST interface, as far as a source needs it: from a login to a token, what entities there are, and
/// what happened during a gap. Confined to one event loop.
///
/// Requests are signed with HTTP Basic, user name and key. Where the interface is and, for a login by password, the key are found
/// out once and kept until they no longer do.
final class EnreachAPI {
    /// How often a request that was told to wait is sent again, and how long it waits at most each time.
    private static let patience = (repeats: 3, longest: Duration.seconds(60))
    private static let documentLimits = JSONLimits(bytes: 32 << 20, depth: 32)

    private let eventLoop: any EventLoop
    private let login: EnreachLogin
    private let client: HTTPClient
    private var base: HTTPURL?
    private var key: Secret?
    private var userID: String?

    init(_ login: EnreachLogin, http: HTTPClientConfiguration, eventLoop: any EventLoop) {
        (self.login, self.eventLoop) = (login, eventLoop)
        var http = http
        http.limits.bodyBytes = Self.documentLimits.bytes
        client = HTTPClient(http, on: eventLoop)
        if case .secretKey(let key) = login.credential { self.key = key }
        if case .api(let url) = login.place { base = url }
    }

    func close() { client.close() }

    // MARK: - What a source asks for

    /// A token for the hub, and where that is.
    func token() -> EventLoopFuture<EnreachToken> {
        user().assumeIsolated().flatMap { user in
            self.get("token/\(HTTPTarget.encode(user))/rte/")
        }.flatMapThrowing { document in
            try EnreachAPIReader.token(document.root, isSecure: self.base?.isSecure ?? true)
        }.flatMapErrorThrowing { error in
            throw ConnectionError(login: error)
        }.nonisolated()
    }

    /// The ids of everything of a kind that the login may see.
    func entities(of kind: EnreachEntity.Kind) -> EventLoopFuture<[UUID128]> {
        let path =
            switch kind {
            case .user: "users/"
            case .queue: "queues/"
            case .callList: "calllists/"
            }
        return get(path).assumeIsolated().flatMapThrowing { try EnreachAPIReader.ids($0.root, of: path) }.nonisolated()
    }

    /// The records of calls that were written between two moments, as users' parts in them ended.
    func calls(from start: Timestamp, to end: Timestamp) -> EventLoopFuture<JSONDocument> {
        get(
            "calls/",
            query: [
                ("ModifiedAfter", EnreachAPIReader.time(start)), ("ModifiedBefore", EnreachAPIReader.time(end)),
            ])
    }

    /// Every queue with its present status.
    func queues() -> EventLoopFuture<JSONDocument> { get("queues/") }

    /// The present availability of a user.
    func availability(of user: UUID128) -> EventLoopFuture<JSONDocument> {
        get("users/\(user)/availability/current")
    }

    // MARK: - Login

    /// The id of who we are.
    private func user() -> EventLoopFuture<String> {
        if let userID { return eventLoop.makeSucceededFuture(userID) }
        return get("users/me").assumeIsolated().flatMapThrowing { (document) -> String in
            let id = try EnreachAPIReader.id(document.root, of: "users/me")
            self.userID = id
            return id
        }.nonisolated()
    }

    private func place() -> EventLoopFuture<HTTPURL> {
        if let base { return eventLoop.makeSucceededFuture(base) }
        guard case .discovery(let url) = login.place,
            let target = url.appending("api/user", query: [("user", login.user)])
        else {
            return eventLoop.makeFailedFuture(
                ConnectionError(.request, .unusableAddress("no URL of EnreachAPI is known")))
        }
        return send(HTTPClientRequest("GET", target, headers: Self.headers)).assumeIsolated().flatMapThrowing {
            (document) -> HTTPURL in
            let base = try EnreachAPIReader.place(document.root, discovery: url)
            self.base = base
            return base
        }.nonisolated()
    }

    /// The key that signs requests: given, or got for a password.
    private func signature() -> EventLoopFuture<HTTPCredentials> {
        guard case .password(let password) = login.credential, key == nil else { return sign(with: key) }
        return place().assumeIsolated().flatMap { (base) -> EventLoopFuture<JSONDocument> in
            guard let url = base.appending("authuser/\(HTTPTarget.encode(self.login.user))/") else {
                return self.eventLoop.makeFailedFuture(Self.unusable)
            }
            var headers = Self.headers
            headers.add("Content-Type", "application/json")
            let body = EnreachAPIReader.passwordRequest(user: self.login.user, password: password)
            return self.send(HTTPClientRequest("POST", url, headers: headers, body: ByteBuffer(bytes: body)))
        }.flatMap { (document) -> EventLoopFuture<HTTPCredentials> in
            self.key = document.root.member(ignoringCase: "SecretKey")?.string.flatMap {
                $0.isEmpty ? nil : Secret(Array($0.utf8))
            }
            return self.sign(with: self.key)
        }.nonisolated()
    }

    private func sign(with key: Secret?) -> EventLoopFuture<HTTPCredentials> {
        guard let key, let credentials = HTTPCredentials.basic(username: login.user, password: key.bytes) else {
            return eventLoop.makeFailedFuture(
                ConnectionError(
                    .request,
                    .misbehaved(
                        "EnreachAPI gave no key that can sign requests; look whether the login may use the interface")))
        }
        return eventLoop.makeSucceededFuture(credentials)
    }

    // MARK: - Requests

    private static let headers: HTTPHeaders = ["Accept": "application/json"]
    private static let unusable = ConnectionError(
        .request, .unusableAddress("the URL of EnreachAPI cannot be asked; correct api_url"))

    private func get(_ path: String, query: [(name: String, value: String)] = []) -> EventLoopFuture<JSONDocument> {
        signed(path, query).assumeIsolated().flatMapError { error -> EventLoopFuture<JSONDocument> in
            // A key that was got for a password may have been withdrawn; a place that was discovered may have moved.
            guard let error = error as? ConnectionError, self.forget(after: error) else {
                return self.eventLoop.makeFailedFuture(error)
            }
            return self.signed(path, query)
        }.nonisolated()
    }

    private func signed(_ path: String, _ query: [(name: String, value: String)]) -> EventLoopFuture<JSONDocument> {
        signature().and(place()).assumeIsolated().flatMap { credentials, base in
            guard let url = base.appending(path, query: query) else {
                return self.eventLoop.makeFailedFuture(Self.unusable)
            }
            return self.send(HTTPClientRequest("GET", url, headers: Self.headers, credentials: credentials))
        }.nonisolated()
    }

    /// True when something that was found out is to be found out anew.
    private func forget(after error: ConnectionError) -> Bool {
        switch error.reason {
        case .refused(let refusal):
            guard refusal.status == 401, case .password = login.credential, key != nil else { return false }
            key = nil
            return true
        case .system, .tls, .timedOut, .closedByPeer:
            // Asked for anew by the next attempt.
            if case .discovery = login.place { base = nil }
            return false
        default: return false
        }
    }

    /// A whole answer with status 200, as JSON. One that asks to wait is waited for.
    private func send(_ request: HTTPClientRequest, repeats: Int = 0) -> EventLoopFuture<JSONDocument> {
        client.send(request).assumeIsolated().flatMap { response in
            if response.status == 429 || response.status == 503, repeats < Self.patience.repeats,
                let wait = response.refusal.retryAfter, wait <= Self.patience.longest
            {
                let promise = self.eventLoop.makePromise(of: JSONDocument.self)
                self.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(wait)) {
                    promise.completeWith(self.send(request, repeats: repeats + 1))
                }
                return promise.futureResult
            }
            return self.eventLoop.makeCompletedFuture(Self.document(response))
        }.nonisolated()
    }

    private static func document(_ response: HTTPClientResponse) -> Result<JSONDocument, any Error> {
        guard response.status == 200 else {
            return .failure(ConnectionError(.request, .refused(response.refusal)))
        }
        do {
            return .success(
                try response.body.withUnsafeReadableBytes { bytes throws(JSONError) in
                    try JSONDocument(bytes, limits: documentLimits)
                })
        } catch {
            return .failure(
                ConnectionError(
                    .request,
                    .misbehaved(
                        "\(response.url) answered with something else than JSON (\(error)); is it EnreachAPI, or the page "
                            + "of a proxy?")))
        }
    }
}

extension HTTPURL {
    /// `path` below this URL, whose query is dropped.
    func appending(_ path: String, query: [(name: String, value: String)] = []) -> HTTPURL? {
        var folder = String(target.prefix { $0 != "?" })
        if !folder.hasSuffix("/") { folder += "/" }
        return HTTPURL(
            isSecure: isSecure, host: host, port: port, target: HTTPTarget.make(path: folder + path, query: query))
    }
}

extension ConnectionError {
    /// A request of the login that did not come to the answer that was needed.
    fileprivate init(login error: any Error) {
        guard let error = error as? ConnectionError else {
            self.init(.login, .system("\(error)"))
            return
        }
        self = error.stage == .request ? ConnectionError(.login, error.reason) : error
    }
}
