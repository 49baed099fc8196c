/// Keeps files away from Yams whose aliases could unfold without end.
///
/// Yams shares aliased values, but it hashes keys with all that is in them, and a few lines of aliases in aliases make a key
/// of any size. Anchors are refused anyway, with their place, once the file has been read; this only looks, roughly, for
/// files with so many that reading them is no option.
enum AliasGuard {
    /// Fewer aliases than this cannot unfold to more than a file of the permitted size takes to read.
    private static let harmlessCount = 8

    /// The index of the first anchor when the text has one, and more aliases than are harmless. What is in the middle of a
    /// word does not count; what is in a comment does, because telling the two apart takes the whole of YAML.
    static func firstAnchor(in scalars: [Unicode.Scalar]) -> Int? {
        var anchor: Int?
        var aliasCount = 0
        for (index, scalar) in scalars.enumerated() where scalar == "&" || scalar == "*" {
            guard beginsNode(scalars, at: index) else { continue }
            if scalar == "*" { aliasCount += 1 } else if anchor == nil { anchor = index }
        }
        return aliasCount > harmlessCount ? anchor : nil
    }

    private static func beginsNode(_ scalars: [Unicode.Scalar], at index: Int) -> Bool {
        guard index > 0, index + 1 < scalars.count else { return index == 0 }
        let isNamed =
            scalars[index + 1].properties.isAlphabetic || "0123456789_-".unicodeScalars.contains(scalars[index + 1])
        return isNamed && " \t\r\n[]{},:?-".unicodeScalars.contains(scalars[index - 1])
    }
}
