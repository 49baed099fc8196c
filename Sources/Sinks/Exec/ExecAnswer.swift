/// What a program says of a line: its id alone when it has taken it, `retry ID REASON` when it cannot take it now,
/// `reject ID REASON` when it never will.
enum ExecAnswer: Equatable {
    case taken(id: String)
    case retry(id: String, reason: String)
    case rejected(id: String, reason: String)

    /// Of a line that is longer, nothing is believed.
    static let maximumBytes = 1024

    /// Nil for anything else.
    init?(_ line: LineSplitter.Line) {
        guard !line.isCut else { return nil }
        let words = line.text.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
        let reason = words.count == 3 && !words[2].isEmpty ? words[2] : "the program gave no reason"
        switch (words[0], words.count) {
        case ("retry", 2...): self = .retry(id: words[1], reason: reason)
        case ("reject", 2...): self = .rejected(id: words[1], reason: reason)
        case ("retry", _), ("reject", _): return nil
        case (_, 1) where !words[0].isEmpty: self = .taken(id: words[0])
        default: return nil
        }
    }

    var id: String {
        switch self {
        case .taken(let id), .retry(let id, _), .rejected(let id, _): id
        }
    }
}

/// A program answered what it should not.
struct ExecAnswerFault: Error, Equatable, CustomStringConvertible {
    /// Completes "the program …".
    let description: String
}
