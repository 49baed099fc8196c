import Codecs
import NIOCore

/// The first record of each direction (HubProtocol.md, "HandshakeRequest Message"): JSON whatever the protocol is.
enum HubHandshake {
    static let request: StaticString = #"{"protocol":"json","version":1}"#

    enum Response: Equatable {
        case accepted
        case refused(String)
        /// A message where an answer was due.
        case message(type: String)
    }

    static func response(_ root: JSONValue) -> Response {
        if let type = root.member(ignoringCase: "type"), !type.isNull {
            return .message(type: String(decoding: type.source.prefix(20), as: UTF8.self))
        }
        guard let error = root.member(ignoringCase: "error"), !error.isNull else { return .accepted }
        return .refused(error.string ?? String(decoding: error.source, as: UTF8.self))
    }

    /// Nil where this server speaks what the client asks for, else why not.
    static func objection(_ root: JSONValue) -> String? {
        guard let name = root.member(ignoringCase: "protocol")?.string else { return "Handshake was canceled." }
        guard name == "json" else { return "The protocol '\(name.prefix(40))' is not supported." }
        let version = root.member(ignoringCase: "version")?.shortNumber ?? ""
        guard version == "1" else { return "The server does not support version \(version) of the 'json' protocol." }
        return nil
    }
}
