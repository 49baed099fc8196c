import CallModel
import Codecs
import WireProtocols

/// A text with placeholders for what a call says of itself: `https://crm.example/call?id={callId}`.
///
/// A template that is a URL stays what it is: scheme and host are its own, and what is filled in is percent-encoded as the
/// component of a query (RFC 3986), so that no call can lead elsewhere.
package struct XCALLYTemplate: Sendable, Equatable {
    package enum Placeholder: Sendable, Equatable {
        case callID, uniqueID, queue, agentNumber, callerNumber
        /// A member without a home in the model, such as a custom variable.
        case attribute(String)

        static let names = ["callId", "uniqueid", "queue", "agentnum", "callernum", "attr.NAME"]

        init?(_ name: Substring) {
            switch name {
            case "callId": self = .callID
            case "uniqueid": self = .uniqueID
            case "queue": self = .queue
            case "agentnum": self = .agentNumber
            case "callernum": self = .callerNumber
            default:
                guard name.hasPrefix("attr."), name.utf8.count > 5 else { return nil }
                self = .attribute(String(name.dropFirst(5)))
            }
        }
    }

    private enum Piece: Sendable, Equatable {
        case text(String)
        case placeholder(Placeholder)
    }

    package struct Mistake: Error, Equatable {
        package let cause: String
        package let hint: String
    }

    /// Longest text that comes out, in bytes.
    package static let maximumBytes = 8192

    private let pieces: [Piece]
    private let isURL: Bool

    /// - Parameter asURL: nothing but an http or https URL will do.
    package init(_ text: String, asURL: Bool) throws(Mistake) {
        var pieces: [Piece] = []
        var rest = text[...]
        while let open = rest.firstIndex(of: "{") {
            if open > rest.startIndex { pieces.append(.text(String(rest[..<open]))) }
            let inside = rest[rest.index(after: open)...]
            guard let close = inside.firstIndex(of: "}") else {
                throw Mistake(cause: "a '{' without '}'", hint: "write {callId}")
            }
            guard let placeholder = Placeholder(inside[..<close]) else {
                throw Mistake(
                    cause: "unknown placeholder {\(inside[..<close].prefix(40))}",
                    hint: "known are {\(Placeholder.names.joined(separator: "}, {"))}")
            }
            pieces.append(.placeholder(placeholder))
            rest = inside[inside.index(after: close)...]
        }
        if !rest.isEmpty { pieces.append(.text(String(rest))) }
        isURL = text.lowercased().hasPrefix("http://") || text.lowercased().hasPrefix("https://")
        self.pieces = pieces
        if asURL || isURL { try checkURL() }
    }

    /// The first piece holds scheme and host, and ends them.
    private func checkURL() throws(Mistake) {
        let hint = "write https://HOST/PATH?id={callId}"
        guard isURL, case .text(let first)? = pieces.first else {
            throw Mistake(cause: "no http:// or https:// at its beginning", hint: hint)
        }
        for case .text(let text) in pieces where !text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) {
            throw Mistake(cause: "a character that no URL may hold", hint: "percent-encode it")
        }
        let authority = first.drop { $0 != "/" }.dropFirst(2)
        let host = authority.prefix { !"/?#".contains($0) }
        guard pieces.count == 1 || host.endIndex < authority.endIndex, HTTPURL("http://\(host)/") != nil else {
            throw Mistake(cause: "its host is not plain", hint: hint)
        }
    }

    /// The text for one event; nil where it is empty or longer than anybody reads.
    package func text(for event: CallEvent) -> String? {
        var text = ""
        for piece in pieces {
            switch piece {
            case .text(let part): text += part
            case .placeholder(let placeholder):
                let value = Self.value(placeholder, event) ?? ""
                text += isURL ? HTTPTarget.encode(value) : value
            }
        }
        return text.isEmpty || text.utf8.count > Self.maximumBytes ? nil : text
    }

    private static func value(_ placeholder: Placeholder, _ event: CallEvent) -> String? {
        switch placeholder {
        case .callID: event.call?.id
        case .uniqueID: event.vendorCallID
        case .queue: event.body.queue.map { $0.name ?? $0.id }
        case .agentNumber: event.body.agent.map { $0.extension ?? $0.id }
        case .callerNumber: event.body.from?.number
        case .attribute(let name): event.body.extra.last { $0.name == name }?.value
        }
    }
}

extension CallEvent {
    /// The vendor's own id of the call.
    var vendorCallID: String? {
        guard let id = call?.id, id.hasPrefix(source.name + ":") else { return nil }
        return String(id.dropFirst(source.name.count + 1))
    }
}
