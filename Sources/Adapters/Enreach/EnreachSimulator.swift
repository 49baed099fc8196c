import BridgeCore
import Codecs
import NIOCore
import Transport
import WireProtocols

/// A stand-in for Enreach: discovery, EnreachAPI with its login, its lists and its token, and the RTE hub with its subscriptions
/// and events, all on one port. Faults come on request. Confined to one event loop.
package final class EnreachSimulator: VendorSimulator {
    package static let hubPath = "/rte"

    private var settings: Settings
    private let eventLoop: any EventLoop
    private var traffic: EnreachTraffic
    private var script: (events: [EnreachSimulatedEvent], begun: Bool, speed: Double)
    private var server: WebSocketServer?
    private var clients: [ObjectIdentifier: EnreachSimulatedClient] = [:]
    private var timer: LoopTimer?
    private var nextDrop: NIODeadline?
    private var random: SplitMix
    private var port = 0
    private let began = WallClock.now()

    /// Tokens and when they end.
    private var tokens: [String: Timestamp] = [:]
    /// Ids given out and not used yet.
    private var negotiated: [String: NIODeadline] = [:]
    private var figures = Figures()

    private(set) var isMute = false
    private var unauthorizedLeft = 0
    private var statusLeft: (status: Int, retryAfter: Int?, count: Int)?
    private var redirectsLeft = 0
    private var negotiateAnswer: String?
    private(set) var handshakeAnswer: String?
    private var silentMethod: String?
    private var refusals: (events: Set<String>, message: String) = ([], "")
    private var failures: [String: (error: String, count: Int)] = [:]
    /// What AvailableSubscriptions answers.
    package var offered = EnreachEvent.allCases.map(\.rawValue)
    /// How many arguments AvailableSubscriptions takes.
    package var argumentsOfAvailable = 0
    /// So many of the next ids that are used are not known any more.
    package var forgetsIDs = 0
    /// Lists of EnreachAPI that there are none of, by their path.
    package var hiddenLists: Set<String> = []
    /// What a client's message may have.
    package var maximumMessageBytes = 32 << 10

    /// Throws where a script is none.
    package init(_ settings: Settings, _ play: Play, eventLoop: any EventLoop) throws {
        (self.settings, self.eventLoop) = (settings, eventLoop)
        let office = EnreachOffice(users: settings.users, queues: settings.queues, callLists: settings.callLists)
        var system = SystemRandomNumberGenerator()
        random = SplitMix(seed: system.next())
        switch play {
        case .traffic(let rate, let speed, let seed):
            traffic = EnreachTraffic(
                office, callsPerSecond: rate, speed: speed, startingAt: WallClock.now(), random: SplitMix(seed: seed))
            script = ([], true, 1)
        case .script(let scenario, let speed):
            traffic = EnreachTraffic(
                office, callsPerSecond: 0, startingAt: WallClock.now(), random: SplitMix(seed: 0))
            script = (try EnreachScript.events(scenario), false, max(0.01, speed))
        }
    }

    package func start() throws -> EventLoopFuture<Int> {
        var configuration = WebSocketServerConfiguration(host: settings.host, port: settings.port)
        configuration.maximumConnections = 4096
        configuration.initialize = try settings.tls.map { try TLSHandler.initializer(server: $0) }
        let server = WebSocketServer(configuration, on: eventLoop) { [weak self] request in
            self?.decide(request) ?? .answer(status: 503)
        }
        self.server = server
        timer = LoopTimer(eventLoop: eventLoop, slack: .zero) { [weak self] in self?.timerFired() }
        nextDrop = settings.dropInterval.map { eventLoop.now + TimeAmount($0) }
        return server.start().assumeIsolated().map { [self] port in
            self.port = port
            schedule()
            return port
        }.nonisolated()
    }

    package func stop() -> EventLoopFuture<Void> {
        timer?.set(nil)
        clients = [:]
        return server?.close() ?? eventLoop.makeSucceededVoidFuture()
    }

    // MARK: - Who looks and who meddles

    package var now: NIODeadline { eventLoop.now }

    package var state: Figures {
        var figures = figures
        figures.connections = clients.count
        figures.heldPairs = clients.values.reduce(0) { $0 + $1.subscriptions.count }
        return figures
    }

    package var userIDs: [UUID128] { traffic.office.users.map(\.id) }
    package var queueIDs: [UUID128] { traffic.office.queues.map(\.id) }
    package var callListIDs: [UUID128] { traffic.office.callLists.map(\.id) }

    /// The key that was given out so far is good no more.
    package func changeKey(_ key: String) { settings.secretKey = Array(key.utf8) }

    package func addUser() { traffic.office.addUser() }
    package func addQueue() { traffic.office.addQueue() }
    package func removeLastQueue() { traffic.office.removeLastQueue() }

    /// Tells who is subscribed. `data` is a JSON object.
    package func say(_ event: String, of entity: UUID128, data: String) {
        tell(EnreachSimulatedEvent(due: WallClock.now(), entity: entity, name: event, data: data))
    }

    /// A record of a call that REST tells, `user` being the how-manieth of the users.
    package func addRecord(call: String, secondsAgo: Int, seconds: Int, user: Int) {
        traffic.add(
            EnreachTraffic.Record(
                call: call, user: traffic.office.users[user].id, queue: nil, caller: "+358401234567",
                target: "+358942450100", start: WallClock.now().advanced(by: .seconds(-secondsAgo)), seconds: seconds,
                isOutbound: false, wasAnswered: true))
    }

    /// Says a whole record, without its separator, to everybody.
    package func say(record: String) {
        for client in clients.values { client.send(Array(record.utf8) + [0x1E]) }
    }

    package func perform(_ fault: Fault) {
        switch fault {
        case .drop:
            let cut = clients.values
            clients = [:]
            for client in cut { client.abort() }
        case .mute: isMute = true
        case .speak: isMute = false
        case .close(let error, let allowReconnect):
            for client in Array(clients.values) { client.close(error: error, allowReconnect: allowReconnect) }
        case .expireTokens: tokens = [:]
        case .unauthorized(let count): unauthorizedLeft = count
        case .status(let status, let retryAfter, let count): statusLeft = (status, retryAfter, count)
        case .redirect(let count): redirectsLeft = count
        case .negotiateAnswer(let body): negotiateAnswer = body
        case .handshakeAnswer(let record): handshakeAnswer = record
        case .silent(let method): silentMethod = method
        case .refuse(let events, let message): refusals = (events, message)
        case .fail(let method, let error, let count): failures[method] = (error, count)
        case .invokeClient(let target):
            say(record: #"{"type":1,"invocationId":"s1","target":"\#(target)","arguments":[]}"#)
        }
    }

    // MARK: - Requests

    private func decide(_ request: WebSocketServerRequest) -> WebSocketServerDecision {
        let path = request.head.path
        if path.hasPrefix(Self.hubPath) { return hub(request, path) }
        if path.hasPrefix("/simulator/"), request.head.method == "POST" {
            return control(String(path.dropFirst("/simulator/".utf8.count)), request)
        }
        return rest(request, path.split(separator: "/").map(String.init))
    }

    private static func json(_ text: String, status: Int = 200) -> WebSocketServerDecision {
        .answer(status: status, headers: ["Content-Type": "application/json; charset=utf-8"], body: text)
    }

    /// For integrators: faults by curl.
    private func control(_ name: String, _ request: WebSocketServerRequest) -> WebSocketServerDecision {
        switch name {
        case "drop": perform(.drop)
        case "mute": perform(.mute)
        case "speak": perform(.speak)
        case "close":
            perform(
                .close(
                    error: request.head.query("error"),
                    allowReconnect: request.head.query("allow_reconnect") == "true"))
        case "expire-tokens": perform(.expireTokens)
        case "unauthorized": perform(.unauthorized(count: request.head.query("count").flatMap { Int($0) } ?? 1))
        case "unavailable":
            perform(.status(503, retryAfter: 2, count: request.head.query("count").flatMap { Int($0) } ?? 1))
        default:
            return .answer(
                status: 404,
                body: "faults: drop, mute, speak, close?error=TEXT&allow_reconnect=true, expire-tokens, "
                    + "unauthorized?count=N, unavailable?count=N\n")
        }
        return .answer(status: 200, body: "\(name)\n")
    }

    // MARK: - REST

    private func rest(_ request: WebSocketServerRequest, _ path: [String]) -> WebSocketServerDecision {
        if path == ["api", "user"] {
            figures.discoveries += 1
            let isKnown = request.head.query("user") == settings.user
            return Self.json(isKnown ? discovery : "[]")
        }
        if path.count == 2, path[0] == "authuser" { return authenticate(request, user: path[1]) }
        guard request.credentials == HTTPCredentials.basic(username: settings.user, password: settings.secretKey) else {
            figures.unauthorized += 1
            return .answer(status: 401, headers: ["WWW-Authenticate": "Basic realm=\"EnreachAPI\""])
        }
        return rest(path, request) ?? Self.json(#"{"Message":"no such resource"}"#, status: 404)
    }

    private func rest(_ path: [String], _ request: WebSocketServerRequest) -> WebSocketServerDecision? {
        if let first = path.first, hiddenLists.contains(first) { return nil }
        return switch (path.first, path.count) {
        case ("users", 1): Self.json(EnreachSimulatedREST.users(traffic.office))
        case ("users", 2) where path[1] == "me":
            Self.json(#"{"Id":"\#(EnreachSimulatedREST.ownID)","UserName":"\#(settings.user)"}"#)
        case ("users", 4) where path[2...] == ["availability", "current"]:
            UUID128(path[1]).map { id in
                Self.json(EnreachSimulatedREST.availability(of: id, traffic.availability[id], start: began))
            }
        case ("queues", 1): Self.json(EnreachSimulatedREST.queues(traffic.office))
        case ("calllists", 1): Self.json(EnreachSimulatedREST.callLists(traffic.office))
        case ("calls", 1):
            Self.json(
                EnreachSimulatedREST.calls(
                    traffic.records, from: request.head.query("ModifiedAfter") ?? request.head.query("StartTime"),
                    to: request.head.query("ModifiedBefore") ?? request.head.query("EndTime"),
                    now: WallClock.now(), office: traffic.office))
        case ("token", 3) where path[1] == EnreachSimulatedREST.ownID.description && path[2] == "rte":
            token(host: request.head.headers.first("Host") ?? "\(settings.host):\(port)")
        default: nil
        }
    }

    private var scheme: String { settings.tls == nil ? "http" : "https" }

    private var discovery: String {
        #"[{"siloName":"Simulated","username":"\#(settings.user)","apiEndpoint":"\#(scheme)://\#(settings.host):\#(port)/","authority":null}]"#
    }

    private func authenticate(_ request: WebSocketServerRequest, user: String) -> WebSocketServerDecision {
        figures.logins += 1
        let body = try? JSONDocument(Array(request.body.readableBytesView)).root
        guard HTTPTarget.decode(user[...]) == settings.user,
            body?.member(ignoringCase: "UserName")?.string == settings.user,
            body?.member(ignoringCase: "Password")?.string.map({ Array($0.utf8) }) == settings.password
        else {
            figures.unauthorized += 1
            return .answer(status: 401)
        }
        var writer = ByteWriter(capacity: 128)
        writer.append(#"{"UserID":""#)
        writer.append(EnreachSimulatedREST.ownID)
        writer.append(#"","SecretKey":"#)
        writer.append(jsonString: String(decoding: settings.secretKey, as: UTF8.self))
        writer.append("}")
        return Self.json(String(decoding: writer.bytes, as: UTF8.self))
    }

    private func token(host: String) -> WebSocketServerDecision {
        figures.tokens += 1
        let token = issueToken()
        return Self.json(#"{"Token":"\#(token)","WSSEndpoint":"\#(host)\#(Self.hubPath)"}"#)
    }

    /// A token that the hub takes, as EnreachAPI would give it.
    package func issueToken() -> String {
        let now = WallClock.now()
        let end = now.advanced(by: settings.tokenLife)
        let token = EnreachSimulatedREST.token(expiresAt: end, salt: random.next())
        tokens = tokens.filter { $0.value > now }
        tokens[token] = end
        return token
    }

    // MARK: - Hub

    private func hub(_ request: WebSocketServerRequest, _ path: String) -> WebSocketServerDecision {
        let isNegotiation = path == Self.hubPath + "/negotiate"
        guard isNegotiation || path == Self.hubPath else { return .answer(status: 404) }
        if isNegotiation { figures.negotiations += 1 }
        if let refusal = refusal(request) { return refusal }
        return isNegotiation ? negotiate(request) : accept(request)
    }

    private func refusal(_ request: WebSocketServerRequest) -> WebSocketServerDecision? {
        if var left = statusLeft, left.count > 0 {
            left.count -= 1
            statusLeft = left
            let headers = left.retryAfter.map { HTTPHeaders([("Retry-After", "\($0)")]) } ?? [:]
            return .answer(status: left.status, headers: headers)
        }
        let query = request.head.query("access_token")
        if query != nil { figures.tokensInQueries += 1 }
        guard unauthorizedLeft == 0, let token = request.credentials?.bearerToken ?? query, let end = tokens[token],
            end > WallClock.now()
        else {
            unauthorizedLeft = max(0, unauthorizedLeft - 1)
            figures.unauthorized += 1
            return .answer(status: 401, headers: ["WWW-Authenticate": "Bearer"])
        }
        return nil
    }

    private func negotiate(_ request: WebSocketServerRequest) -> WebSocketServerDecision {
        guard request.head.method == "POST" else { return .answer(status: 405) }
        if let negotiateAnswer { return Self.json(negotiateAnswer) }
        if redirectsLeft > 0 {
            redirectsLeft -= 1
            let host = request.head.headers.first("Host") ?? "\(settings.host):\(port)"
            return Self.json(
                #"{"url":"\#(scheme)://\#(host)\#(Self.hubPath)?redirected=1","accessToken":"\#(issueToken())"}"#)
        }
        let isNew = settings.negotiateVersion >= 1 && request.head.query("negotiateVersion") == "1"
        // Characters that have to be encoded in a query.
        let secret = EnreachSimulatedREST.connectionID(random.next(), random.next())
        negotiated = negotiated.filter { now - $0.value < .seconds(15) }
        negotiated[secret] = now
        let transports = #""availableTransports":[{"transport":"WebSockets","transferFormats":["Text","Binary"]}]"#
        return Self.json(
            isNew
                ? #"{"negotiateVersion":1,"connectionId":"c\#(figures.negotiations)","connectionToken":"\#(secret)",\#(transports)}"#
                : #"{"connectionId":"\#(secret)",\#(transports)}"#)
    }

    private func accept(_ request: WebSocketServerRequest) -> WebSocketServerDecision {
        guard request.handshake != nil else { return .answer(status: 400, body: "Connection ID required") }
        if let id = request.head.query("id") {
            forgetsIDs -= 1
            guard let given = negotiated.removeValue(forKey: id), now - given < .seconds(15), forgetsIDs < 0 else {
                return .answer(status: 404, body: "No Connection with that ID")
            }
        }
        figures.accepted += 1
        return .accept(
            EnreachSimulatedClient(
                simulator: self, limits: HubLimits(recordBytes: maximumMessageBytes, sentRecordBytes: 4 << 20),
                timeouts: HubServerTimeouts(
                    keepAliveInterval: settings.keepAlive, clientTimeout: settings.clientTimeout),
                eventLoop: eventLoop))
    }

    // MARK: - From the clients

    func opened(_ client: EnreachSimulatedClient) {
        clients[ObjectIdentifier(client)] = client
        if !script.begun {
            script.begun = true
            let begin = WallClock.now()
            let first = script.events.first?.due ?? begin
            script.events = script.events.map { event in
                let distance = Duration.microseconds(event.due.microseconds - first.microseconds) / script.speed
                return EnreachSimulatedEvent(
                    due: begin.advanced(by: .milliseconds(500) + distance), entity: event.entity, name: event.name,
                    data: event.data)
            }
        }
        schedule()
    }

    func closed(_ client: EnreachSimulatedClient) { clients[ObjectIdentifier(client)] = nil }

    func heard(_ message: ByteBuffer) {
        figures.longestMessage = max(figures.longestMessage, message.readableBytes)
        if message.readableBytes < 32, String(buffer: message).contains(#""type":6"#) { figures.pings += 1 }
    }

    func completed() { figures.completions += 1 }

    func sendsBinary(_ number: Int) -> Bool {
        switch settings.frames {
        case .text: false
        case .binary: true
        case .both: number.isMultiple(of: 2)
        }
    }

    func answered(subscribes: Bool, pairs: Int) {
        if subscribes {
            figures.subscribeCalls += 1
            figures.subscribedPairs += pairs
        } else {
            figures.unsubscribeCalls += 1
        }
    }

    /// What the hub says about a pair that it does not grant.
    func refusal(of entity: String, _ event: String) -> String? {
        guard UUID128(entity) != nil else { return "Invalid EntityId" }
        guard offered.contains(where: { $0.lowercased() == event }) else { return "Invalid event name" }
        return refusals.events.contains(event) ? refusals.message : nil
    }

    func failure(of method: String) -> String? {
        guard let failure = failures[method], failure.count > 0 else { return nil }
        failures[method] = (failure.error, failure.count - 1)
        return failure.error
    }

    func keepsSilent(about method: String) -> Bool { silentMethod == method }

    // MARK: - Events

    private func tell(_ event: EnreachSimulatedEvent, toAll: Bool = false) {
        let record = Array(
            #"{"type":1,"target":"MessageReceived","arguments":[\#(event.argument)]}\#u{1E}"#.utf8)
        let name = event.name.lowercased()
        for client in clients.values where toAll || client.hears(event.entity, name) {
            figures.sent += 1
            client.send(record)
        }
    }

    private func timerFired() {
        let time = WallClock.now()
        if let due = nextDrop, due <= now {
            perform(.drop)
            nextDrop = settings.dropInterval.map { now + TimeAmount($0) }
        }
        for event in traffic.events(until: time) { tell(event) }
        if script.begun {
            let count = script.events.prefix { $0.due <= time }.count
            for event in script.events[..<count] { tell(event, toAll: true) }
            script.events.removeFirst(count)
        }
        schedule()
    }

    private func schedule() {
        let due = min(traffic.nextDue, script.begun ? script.events.first?.due ?? traffic.nextDue : traffic.nextDue)
        let wait = due.microseconds - WallClock.now().microseconds
        let next = wait < 3_600_000_000 ? now + .microseconds(max(0, wait)) : nil
        timer?.set([next, nextDrop].compactMap { $0 }.min())
    }
}
