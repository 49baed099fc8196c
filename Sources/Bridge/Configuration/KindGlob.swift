import BridgeCore

/// Patterns over kinds of events: `*` stands for any characters, also none, and dots too; everything else for itself.
enum KindGlob {
    static func matches(_ kind: String, glob: String) -> Bool {
        let parts = glob.split(separator: "*", omittingEmptySubsequences: false)
        guard let first = parts.first, let last = parts.last, parts.count > 1 else { return kind == glob }
        guard kind.utf8.count >= first.utf8.count + last.utf8.count, kind.hasPrefix(first), kind.hasSuffix(last) else {
            return false
        }
        var rest = kind.dropFirst(first.count).dropLast(last.count)
        for part in parts.dropFirst().dropLast() where !part.isEmpty {
            while !rest.isEmpty, !rest.hasPrefix(part) { rest.removeFirst() }
            guard rest.hasPrefix(part) else { return false }
            rest.removeFirst(part.count)
        }
        return true
    }

    /// The nearest kind; for a group like `calls.*` the nearest group.
    static func suggestion(for glob: String, among kinds: [String]) -> String? {
        var candidates = kinds
        for kind in kinds {
            for (index, character) in zip(kind.indices, kind) where character == "." {
                let group = "\(kind[..<index]).*"
                if !candidates.contains(group) { candidates.append(group) }
            }
        }
        if let near = Suggestion.nearest(to: glob, among: candidates) { return near }
        // A kind without its group: `ringing` for `call.ringing`.
        return kinds.first { $0.hasSuffix(".\(glob)") }
    }
}
