/// A text with placeholders in braces, such as `https://crm.example/call?id={callId}`, as its pieces.
package enum PlaceholderPiece<Placeholder: Sendable & Equatable>: Sendable, Equatable {
    case text(String)
    case placeholder(Placeholder)

    /// The pieces of `text`; `make` knows the names, `known` names them for people.
    package static func all(
        in text: String, known: [String], _ make: (Substring) -> Placeholder?
    ) throws(PlaceholderMistake) -> [Self] {
        var pieces: [Self] = []
        var rest = text[...]
        while let open = rest.firstIndex(of: "{") {
            if open > rest.startIndex { pieces.append(.text(String(rest[..<open]))) }
            let inside = rest[rest.index(after: open)...]
            guard let close = inside.firstIndex(of: "}") else {
                throw PlaceholderMistake(cause: "a '{' without '}'", hint: "write {\(known.first ?? "")}")
            }
            guard let placeholder = make(inside[..<close]) else {
                throw PlaceholderMistake(
                    cause: "unknown placeholder {\(inside[..<close].prefix(40))}",
                    hint: "known are {\(known.joined(separator: "}, {"))}")
            }
            pieces.append(.placeholder(placeholder))
            rest = inside[inside.index(after: close)...]
        }
        if !rest.isEmpty { pieces.append(.text(String(rest))) }
        return pieces
    }
}

/// Why a text with placeholders cannot be used.
package struct PlaceholderMistake: Error, Equatable {
    package let cause: String
    package let hint: String
}
