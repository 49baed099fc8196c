import Codecs
import NIOCore

/// What a server answers to a negotiate request, versions 0 and 1 (TransportProtocols.md). Members are found whatever
/// their case, unknown ones do not matter, and the content type is not looked at: there are servers that send text/plain.
enum NegotiateResponse {
    /// `id` goes into the query of the WebSocket and is a secret. `connectionID` is for logs; version 0 has none, since
    /// there the one id is the secret.
    case connection(id: String, connectionID: String?)
    /// To be asked there, with that token where there is one.
    case redirect(url: String, accessToken: String?)

    init(_ body: ByteBuffer) throws(SignalRNegotiationError) {
        let root = try Self.object(body)
        if let error = root.text("error") { throw .declined(error) }
        if let version = root.member(ignoringCase: "ProtocolVersion"), !version.isNull {
            throw .classicSignalR(version: version.string ?? version.numberText ?? "")
        }
        if let url = root.text("url"), !url.isEmpty {
            self = .redirect(url: url, accessToken: root.text("accessToken"))
            return
        }
        // Nobody asked for it, and its handshake and numbering would differ from what is spoken here.
        if root.member(ignoringCase: "useStatefulReconnect")?.bool == true { throw .statefulReconnect }
        try Self.checkTransports(root.member(ignoringCase: "availableTransports"))
        self = try Self.connection(root)
    }

    private static func object(_ body: ByteBuffer) throws(SignalRNegotiationError) -> JSONValue {
        let root: JSONValue?
        var problem: JSONError?
        do throws(JSONError) {
            root = try body.withUnsafeReadableBytes { (bytes) throws(JSONError) in try JSONDocument(bytes).root }
        } catch {
            (root, problem) = (nil, error)
        }
        if let root, root.kind == .object { return root }
        let first = body.readableBytesView.first { ![0x20, 0x09, 0x0A, 0x0D, 0xEF, 0xBB, 0xBF].contains($0) }
        throw first == UInt8(ascii: "<") ? .webPage : .notSignalR(problem)
    }

    private static func connection(_ root: JSONValue) throws(SignalRNegotiationError) -> NegotiateResponse {
        let publicID = root.text("connectionId")
        let version = root.member(ignoringCase: "negotiateVersion")?.numberText ?? "0"
        let isFirst = version == "0"
        guard let id = isFirst ? publicID : root.text("connectionToken"), !id.isEmpty else { throw .noConnectionID }
        return .connection(id: id, connectionID: isFirst ? nil : publicID)
    }

    /// A server that names its transports has to name WebSockets with text; one that names none is believed to have them.
    private static func checkTransports(_ list: JSONValue?) throws(SignalRNegotiationError) {
        guard let list, list.kind == .array else { return }
        let isUsable = list.elements.contains { transport in
            guard transport.member(ignoringCase: "transport")?.isString(ignoringCase: "WebSockets") == true else {
                return false
            }
            let formats = transport.member(ignoringCase: "transferFormats")?.elements ?? []
            return formats.isEmpty || formats.contains { $0.isString(ignoringCase: "Text") }
        }
        guard !isUsable else { return }
        throw .noWebSockets(offered: list.elements.prefix(8).compactMap { $0.text("transport") })
    }
}

extension JSONValue {
    /// The text of the member called `name`, whatever the case; nil where that is missing, null or no string.
    fileprivate func text(_ name: StaticString) -> String? { member(ignoringCase: name)?.string }
}
