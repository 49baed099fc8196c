/// "Did you mean": the nearest of a few words.
package enum Suggestion {
    /// Two thirds of a word must be right, and at least one slip is forgiven. Nil when nothing is that near.
    package static func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
        let typed = normalized(word)
        guard !typed.isEmpty, typed.count <= 64 else { return nil }
        var best: (candidate: String, distance: Int)?
        for candidate in candidates {
            let distance = distance(typed, normalized(candidate))
            guard distance <= max(1, min(typed.count, candidate.utf8.count) / 3) else { continue }
            if best.map({ distance < $0.distance }) ?? true { best = (candidate, distance) }
        }
        return best?.candidate
    }

    /// `did you mean 'x'?`, or else the list of what is allowed.
    package static func hint(for word: String, among candidates: [String]) -> String? {
        if let near = nearest(to: word, among: candidates) { return "did you mean '\(near)'?" }
        return candidates.isEmpty ? nil : "allowed here: \(candidates.joined(separator: ", "))"
    }

    /// Case and the kind of dash are no difference worth a step.
    private static func normalized(_ word: String) -> [UInt8] {
        word.lowercased().utf8.map { $0 == UInt8(ascii: "-") ? UInt8(ascii: "_") : $0 }
    }

    /// Insertions, deletions, replacements and swaps of neighbours that make `left` into `right`.
    static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var beforePrevious: [Int] = []
        var previous = Array(0...right.count)
        for row in left.indices {
            var current = [row + 1]
            for column in right.indices {
                let isSame = left[row] == right[column]
                var cost = min(previous[column] + (isSame ? 0 : 1), previous[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                    cost = min(cost, beforePrevious[column - 1] + 1)
                }
                current.append(cost)
            }
            (beforePrevious, previous) = (previous, current)
        }
        return previous[right.count]
    }
}
