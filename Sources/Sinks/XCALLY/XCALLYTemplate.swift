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

    /// Longest text that comes out, in bytes.
    package static let maximumBytes = 8192

    private let pieces: [PlaceholderPiece<Placeholder>]
    private let isURL: Bool

    /// - Parameter asURL: nothing but an http or https URL will do.
    package init(_ text: String, asURL: Bool) throws(PlaceholderMistake) {
        pieces = try PlaceholderPiece.all(in: text, known: Placeholder.names) { Placeholder($0) }
        isURL = text.lowercased().hasPrefix("http://") || text.lowercased().hasPrefix("https://")
        if asURL || isURL { try checkURL() }
    }

    /// The first piece holds scheme and host, and ends them.
    private func checkURL() throws(PlaceholderMistake) {
        let hint = "write https://HOST/PATH?id={callId}"
        guard isURL, case .text(let first)? = pieces.first else {
            throw PlaceholderMistake(cause: "no http:// or https:// at its beginning", hint: hint)
        }
        for case .text(let text) in pieces where !text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) {
            throw PlaceholderMistake(cause: "a character that no URL may hold", hint: "percent-encode it")
        }
        let authority = first.drop { $0 != "/" }.dropFirst(2)
        let host = authority.prefix { !"/?#".contains($0) }
        guard pieces.count == 1 || host.endIndex < authority.endIndex, HTTPURL("http://\(host)/") != nil else {
            throw PlaceholderMistake(cause: "its host is not plain", hint: hint)
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
