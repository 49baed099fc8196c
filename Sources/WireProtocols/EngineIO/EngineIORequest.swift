/// What a request to an Engine.IO server is (note, section 2.2).
public enum EngineIORequest: Equatable, Sendable {
    /// A new session, by polling or on the WebSocket that the request asks for.
    case openByPolling(EngineIOVersion, EngineIOPayload.Format)
    case openOnWebSocket(EngineIOVersion)
    /// Packets for the client. The version is the session's: the format holds for one of version 3.
    case poll(sid: String, EngineIOPayload.Format)
    /// Packets from the client, in the body.
    case post(sid: String)
    /// The polling session goes over to the WebSocket that the request asks for.
    case upgrade(sid: String)

    /// - Parameter isWebSocket: the request asks for a WebSocket.
    public init(_ head: HTTPRequestHead, isWebSocket: Bool) throws(EngineIORequestFault) {
        let transport = head.query("transport")
        guard transport == "polling" || transport == "websocket" else { throw .unknownTransport }
        // JSONP was for browsers.
        guard isWebSocket == (transport == "websocket"), head.query("j") == nil else { throw .badRequest }
        guard let sid = head.query("sid") else {
            self = try Self.opening(head, isWebSocket: isWebSocket)
            return
        }
        switch head.method {
        case "GET": self = isWebSocket ? .upgrade(sid: sid) : .poll(sid: sid, Self.format(head, .v3))
        case "POST": self = .post(sid: sid)
        default: throw .badRequest
        }
    }

    private static func opening(
        _ head: HTTPRequestHead, isWebSocket: Bool
    ) throws(EngineIORequestFault) -> EngineIORequest {
        guard head.method == "GET" else { throw .badHandshakeMethod }
        guard let text = head.query("EIO"), let version = Int(text).flatMap(EngineIOVersion.init) else {
            throw .unsupportedVersion
        }
        return isWebSocket ? .openOnWebSocket(version) : .openByPolling(version, format(head, version))
    }

    private static func format(_ head: HTTPRequestHead, _ version: EngineIOVersion) -> EngineIOPayload.Format {
        guard version == .v3 else { return .separated }
        return head.query("b64").map { $0 == "0" || $0 == "" } ?? true ? .framed : .counted
    }
}
