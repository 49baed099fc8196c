import Codecs
import WireProtocols

/// The name of a place at a peer (a key, a channel) with parts of the event in it: `cti:events:{queue}`.
///
/// It begins with text of the operator's own, and what is filled in holds letters, digits and `-._~%` only: no event can lead
/// out from under that beginning, add a level to the name, or match as a pattern.
package struct LineTemplate: Sendable, Equatable {
    package enum Placeholder: String, Sendable, CaseIterable {
        case tenant, source, vendor, kind, queue, agent, direction
    }

    package static let maximumTextBytes = 256
    package static let maximumPlaceholders = 8
    /// A longer value is cut, and ends with a mark of the whole.
    package static let maximumValueBytes = 64
    /// Stands for what an event does not say.
    package static let missing = "-"

    /// As it is written in the configuration.
    package let spelling: String
    private let pieces: [PlaceholderPiece<Placeholder>]

    package init(_ text: String) throws(PlaceholderMistake) {
        let known = Placeholder.allCases.map(\.rawValue)
        pieces = try PlaceholderPiece.all(in: text, known: known) { Placeholder(rawValue: String($0)) }
        spelling = text
        var placeholders = 0
        for piece in pieces {
            switch piece {
            case .text(let text): try Self.check(text)
            case .placeholder: placeholders += 1
            }
        }
        guard case .text? = pieces.first else {
            throw PlaceholderMistake(
                cause: "it does not begin with text of its own, which confines what events fill in",
                hint: "write it like cti:\(text)")
        }
        guard text.utf8.count <= Self.maximumTextBytes, placeholders <= Self.maximumPlaceholders else {
            throw PlaceholderMistake(
                cause: "it is too long", hint: "at most \(Self.maximumTextBytes) bytes with 8 placeholders")
        }
    }

    private static func check(_ text: String) throws(PlaceholderMistake) {
        if text.contains("}") { throw PlaceholderMistake(cause: "a '}' without '{'", hint: "remove it") }
        guard text.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value != 0x7F }) else {
            throw PlaceholderMistake(cause: "a blank or a control character in it", hint: "write cti:events")
        }
    }

    /// It is the same for all events.
    package var isConstant: Bool { pieces.count == 1 }

    /// The name for one line as `LineWriter` writes it, without its newline.
    package func text(for line: UnsafeRawBufferPointer) -> String { text { Self.value($0, line) } }

    /// The name with the same text in the place of each value.
    package func text(filledWith value: String) -> String { text { _ in value } }

    private func text(_ value: (Placeholder) -> String) -> String {
        pieces.map {
            switch $0 {
            case .text(let text): text
            case .placeholder(let placeholder): value(placeholder)
            }
        }.joined()
    }

    private static func value(_ placeholder: Placeholder, _ line: UnsafeRawBufferPointer) -> String {
        guard let place = place(placeholder, line) else { return missing }
        let value = HTTPTarget.encode(decoded(line[place]))
        guard !value.isEmpty else { return missing }
        guard value.utf8.count > maximumValueBytes else { return value }
        return value.prefix(maximumValueBytes - 17) + "~" + Hex.text(Array(Digest.sha256(value).prefix(8)))
    }

    /// Where the text stands, without its quotation marks.
    private static func place(_ placeholder: Placeholder, _ line: UnsafeRawBufferPointer) -> Range<Int>? {
        func member(_ name: StaticString, of object: StaticString) -> Range<Int>? {
            LineMembers.value(object, in: line).flatMap { LineMembers.text(name, in: line, at: $0.lowerBound) }
        }
        return switch placeholder {
        case .tenant: LineMembers.text("tenant", in: line)
        case .kind: LineMembers.text("kind", in: line)
        case .source: member("name", of: "source")
        case .vendor: member("vendor", of: "source")
        case .queue: member("id", of: "queue")
        case .agent: member("id", of: "agent")
        case .direction: member("direction", of: "call")
        }
    }

    /// Escapes resolved.
    private static func decoded(_ text: Slice<UnsafeRawBufferPointer>) -> String {
        guard text.contains(UInt8(ascii: "\\")) else { return String(decoding: text, as: UTF8.self) }
        let quoted = [UInt8(ascii: "\"")] + text + [UInt8(ascii: "\"")]
        return (try? JSONDocument(quoted))?.root.string ?? String(decoding: text, as: UTF8.self)
    }
}
