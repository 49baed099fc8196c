import BridgeCore
import Codecs
import Transport
import WireProtocols

/// What EnreachAPI says and wants to hear. Members are found whatever their case: REST writes PascalCase, discovery camelCase.
enum EnreachAPIReader {
    /// A time as the interface takes it: UTC, in whole seconds.
    static func time(_ time: Timestamp) -> String { String("\(time)".prefix(19)).replacing("T", with: " ") }

    /// The body that asks for a key.
    static func passwordRequest(user: String, password: Secret) -> [UInt8] {
        var writer = ByteWriter(capacity: 256)
        writer.append(#"{"UserName":"#)
        writer.append(jsonString: user)
        writer.append(#","Password":"#)
        writer.append(jsonString: String(decoding: password.bytes, as: UTF8.self))
        writer.append("}")
        return writer.bytes
    }

    /// Where the discovery says that a login's interface is: the first entry of its list.
    static func place(_ value: JSONValue, discovery: HTTPURL) throws(ConnectionError) -> HTTPURL {
        guard value.kind == .array else {
            throw misbehaved("the discovery answered with \(value.kind), not with a list")
        }
        guard let entry = value.elements.first else {
            throw ConnectionError(
                .request, .declined("the discovery does not know this login; check login.user and discovery_url"))
        }
        guard let text = entry.member(ignoringCase: "apiEndpoint")?.string, let url = HTTPURL(text) else {
            throw misbehaved("the discovery gave no usable apiEndpoint; set api_url instead")
        }
        // The key goes there.
        guard url.isSecure || !discovery.isSecure else {
            throw ConnectionError(
                .request,
                .declined(
                    "the discovery, itself over https, leads to http, which would show the key; set api_url instead"))
        }
        return url
    }

    static func id(_ value: JSONValue, of path: String) throws(ConnectionError) -> String {
        guard let id = value.member(ignoringCase: "Id")?.string, !id.isEmpty, id.utf8.count <= 64 else {
            throw misbehaved("EnreachAPI's answer to \(path) has no Id")
        }
        return id
    }

    /// `WSSEndpoint` comes without a scheme; the hub is as secure as the interface.
    static func token(_ value: JSONValue, isSecure: Bool) throws(ConnectionError) -> EnreachToken {
        guard let place = value.member(ignoringCase: "WSSEndpoint")?.string, let hub = hub(place, isSecure: isSecure)
        else {
            throw misbehaved("EnreachAPI gave no usable WSSEndpoint for the RTE hub; set url to the hub's")
        }
        guard let text = value.member(ignoringCase: "Token")?.string, let token = EnreachToken(text.utf8, hub: hub)
        else {
            throw misbehaved("EnreachAPI gave no usable RTE token")
        }
        return token
    }

    private static func hub(_ text: String, isSecure: Bool) -> HTTPURL? {
        var rest = text[...]
        if let scheme = text.firstRange(of: "://") {
            guard ["wss", "https"].contains(text[..<scheme.lowerBound].lowercased()) || !isSecure else { return nil }
            rest = text[scheme.upperBound...]
        }
        return HTTPURL("\(isSecure ? "https" : "http")://\(rest)")
    }

    /// The ids of a list of objects; entries without a usable one are skipped.
    static func ids(_ value: JSONValue, of path: String) throws(ConnectionError) -> [UUID128] {
        guard value.kind == .array else {
            throw misbehaved("EnreachAPI answered \(path) with \(value.kind), not with a list")
        }
        var known: Set<UUID128> = []
        return value.elements.compactMap { entry in
            guard let id = entry.member(ignoringCase: "Id")?.string.flatMap({ UUID128($0) }), known.insert(id).inserted
            else {
                return nil
            }
            return id
        }
    }

    private static func misbehaved(_ sentence: String) -> ConnectionError {
        ConnectionError(.request, .misbehaved(sentence))
    }
}
