/// Durations and sizes as a configuration spells them: a whole number and a unit, nothing between them.
package enum Quantity {
    /// From long to short, for writing.
    private static let durations: [(unit: String, milliseconds: Int64)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1),
    ]
    private static let sizes: [(unit: String, bytes: Int)] = [
        ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1),
    ]

    /// `500ms 30s 5m 12h 30d`.
    package static func duration(_ text: String) -> Duration? {
        let (digits, unit) = split(text)
        guard let count = integer(digits), let factor = durations.first(where: { $0.unit == unit }) else { return nil }
        let (milliseconds, overflow) = Int64(count).multipliedReportingOverflow(by: factor.milliseconds)
        return overflow ? nil : .milliseconds(milliseconds)
    }

    /// `512B 64KiB 16MiB 2GiB 1TiB`, in bytes.
    package static func size(_ text: String) -> Int? {
        let (digits, unit) = split(text)
        guard let count = integer(digits), let factor = sizes.first(where: { $0.unit == unit }) else { return nil }
        let (bytes, overflow) = count.multipliedReportingOverflow(by: factor.bytes)
        return overflow ? nil : bytes
    }

    /// Decimal digits without a sign, and without a leading zero, which some would read as octal.
    package static func integer(_ digits: Substring) -> Int? {
        guard digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
        guard digits.utf8.count == 1 || digits.utf8.first != UInt8(ascii: "0") else { return nil }
        return Int(digits)
    }

    /// In the largest unit that divides it.
    package static func text(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let milliseconds = seconds * 1_000 + attoseconds / 1_000_000_000_000_000
        let fitting = durations.first { milliseconds % $0.milliseconds == 0 && milliseconds >= $0.milliseconds }
        return fitting.map { "\(milliseconds / $0.milliseconds)\($0.unit)" } ?? "\(milliseconds)ms"
    }

    /// In the largest unit that divides it.
    package static func text(bytes: Int) -> String {
        let fitting = sizes.first { bytes % $0.bytes == 0 && bytes >= $0.bytes }
        return fitting.map { "\(bytes / $0.bytes)\($0.unit)" } ?? "\(bytes)B"
    }

    private static func split(_ text: String) -> (digits: Substring, unit: Substring) {
        let end = text.firstIndex { !("0"..."9").contains($0) } ?? text.endIndex
        return (text[..<end], text[end...])
    }
}

extension ConfigurationSection {
    /// A duration such as `30s`.
    package func duration(_ key: String, in range: ClosedRange<Duration>) -> Duration? {
        quantity(
            key, kind: "a duration", range: range, parse: Quantity.duration, text: { Quantity.text($0) },
            hint: "write a whole number and a unit: 500ms, 30s, 5m, 12h, 30d")
    }

    /// A size such as `64KiB`, in bytes.
    package func size(_ key: String, in range: ClosedRange<Int>) -> Int? {
        quantity(
            key, kind: "a size", range: range, parse: Quantity.size, text: { Quantity.text(bytes: $0) },
            hint: "write a whole number and a unit: 512B, 64KiB, 16MiB, 2GiB")
    }

    private func quantity<Value: Comparable>(
        _ key: String, kind: String, range: ClosedRange<Value>, parse: (String) -> Value?, text: (Value) -> String,
        hint: String
    ) -> Value? {
        guard let scalar = scalar(key, expected: kind) else { return nil }
        let found = ConfigurationDiagnostic.quoted(scalar.text)
        guard let value = parse(scalar.text) else {
            report("expected \(kind) for '\(key)', found \(found)", at: scalar.mark, hint: hint)
            return nil
        }
        guard range.contains(value) else {
            let bounds = "\(text(range.lowerBound)) to \(text(range.upperBound))"
            report("'\(key)' is out of range: \(found)", at: scalar.mark, hint: "expected \(kind) from \(bounds)")
            return nil
        }
        return value
    }
}
