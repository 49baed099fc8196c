/// A moment in UTC: whole microseconds since 1970-01-01T00:00:00Z, years 0000 to 9999.
///
/// Written as RFC 3339 with six fractional digits and `Z`, always 27 characters, so that text order is time order.
public struct Timestamp: Hashable, Comparable, Sendable {
    public let microseconds: Int64

    /// 0000-01-01T00:00:00.000000Z and 9999-12-31T23:59:59.999999Z.
    public static let range: ClosedRange<Int64> = -62_167_219_200_000_000...253_402_300_799_999_999

    /// Clamps to the years that RFC 3339 can write.
    public init(microseconds: Int64) {
        self.microseconds = min(max(microseconds, Self.range.lowerBound), Self.range.upperBound)
    }

    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.microseconds < right.microseconds }

    /// This moment moved by `duration`, clamped to the years that can be written; fractions of a microsecond are cut.
    public func advanced(by duration: Duration) -> Timestamp {
        let (seconds, attoseconds) = duration.components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
        let (distance, beyond) = whole.addingReportingOverflow(attoseconds / 1_000_000_000_000)
        let (moved, more) = microseconds.addingReportingOverflow(
            overflow || beyond ? (seconds < 0 ? .min : .max) : distance)
        return Timestamp(microseconds: more ? (seconds < 0 ? .min : .max) : moved)
    }

    /// Whole milliseconds from `earlier` to this moment, cut towards zero and never negative.
    public func milliseconds(since earlier: Timestamp) -> Int64 {
        max(0, (microseconds - earlier.microseconds) / 1000)
    }
}

// MARK: - Text

extension ByteWriter {
    /// Appends the 27 characters of `time`.
    public mutating func append(_ time: Timestamp) {
        let day = Int64(86_400_000_000)
        var days = time.microseconds / day
        var rest = time.microseconds % day
        if rest < 0 {
            rest += day
            days -= 1
        }
        let date = date(days)
        let (seconds, fraction) = (Int(rest / 1_000_000), Int(rest % 1_000_000))
        appendUninitialized(27) { out in
            let raw = UnsafeMutableRawPointer(out)
            raw.storeBytes(of: date.0, as: UInt64.self)
            raw.storeBytes(of: date.1, toByteOffset: 8, as: UInt16.self)
            out[10] = UInt8(ascii: "T")
            DecimalPairs.write(seconds / 3600, to: out + 11)
            out[13] = UInt8(ascii: ":")
            DecimalPairs.write(seconds / 60 % 60, to: out + 14)
            out[16] = UInt8(ascii: ":")
            DecimalPairs.write(seconds % 60, to: out + 17)
            out[19] = UInt8(ascii: ".")
            DecimalPairs.write(fraction / 10_000, to: out + 20)
            DecimalPairs.write(fraction / 100 % 100, to: out + 22)
            DecimalPairs.write(fraction % 100, to: out + 24)
            out[26] = UInt8(ascii: "Z")
        }
    }

    /// The ten characters of a date, as they lie in memory. Most times of a line, and of its neighbours, are of one day.
    private mutating func date(_ days: Int64) -> (UInt64, UInt16) {
        if let lastDate, lastDate.days == days { return lastDate.text }
        let (year, month, dayOfMonth) = CivilDate.fromDays(days)
        let text = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 10) { out in
            guard let out = out.baseAddress else { return (UInt64(0), UInt16(0)) }
            DecimalPairs.write(Int(year) / 100, to: out)
            DecimalPairs.write(Int(year) % 100, to: out + 2)
            out[4] = UInt8(ascii: "-")
            DecimalPairs.write(Int(month), to: out + 5)
            out[7] = UInt8(ascii: "-")
            DecimalPairs.write(Int(dayOfMonth), to: out + 8)
            let raw = UnsafeRawPointer(out)
            return (raw.loadUnaligned(as: UInt64.self), raw.loadUnaligned(fromByteOffset: 8, as: UInt16.self))
        }
        lastDate = (days, text)
        return text
    }
}

extension Timestamp: CustomStringConvertible {
    public var description: String {
        var writer = ByteWriter(capacity: 64)
        writer.append(self)
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

extension Timestamp {
    /// What a text said about its offset from UTC.
    public enum Zone: Sendable, Equatable {
        case stated
        /// No zone was given; the time was read as UTC.
        case assumed
    }

    /// Reads RFC 3339 and its common relatives: `T`, `t` or a blank between date and time, any number of fractional
    /// digits (cut after six), `Z`, `±hh:mm`, `±hhmm` or no zone. nil for anything else, and for impossible dates.
    public static func parse(_ text: some StringProtocol) -> (time: Timestamp, zone: Zone)? {
        var scanner = DigitScanner(bytes: Array(text.utf8))
        guard let year = scanner.digits(4), scanner.take("-"), let month = scanner.digits(2), scanner.take("-"),
            let day = scanner.digits(2), (1...12).contains(month), day >= 1,
            day <= CivilDate.days(inMonth: month, year: year),
            scanner.take("T") || scanner.take("t") || scanner.take(" "),
            let hour = scanner.digits(2), scanner.take(":"), let minute = scanner.digits(2), scanner.take(":"),
            let second = scanner.digits(2), hour < 24, minute < 60, second <= 60,
            let fraction = scanner.fraction(), let (offset, zone) = scanner.zone(), scanner.isAtEnd
        else { return nil }
        let days = CivilDate.toDays(year: year, month: month, day: day)
        let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset
        let micros = seconds * 1_000_000 + fraction
        guard range.contains(micros) else { return nil }
        return (Timestamp(microseconds: micros), zone)
    }

    /// As `parse`, for callers to whom the zone does not matter.
    public init?(_ text: some StringProtocol) {
        guard let (time, _) = Self.parse(text) else { return nil }
        self = time
    }
}

private struct DigitScanner {
    let bytes: [UInt8]
    var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }

    mutating func take(_ character: Character) -> Bool {
        guard position < bytes.count, bytes[position] == character.asciiValue else { return false }
        position += 1
        return true
    }

    mutating func digits(_ count: Int) -> Int64? {
        guard position + count <= bytes.count else { return nil }
        var value: Int64 = 0
        for byte in bytes[position..<position + count] {
            guard byte >= 0x30, byte <= 0x39 else { return nil }
            value = value * 10 + Int64(byte - 0x30)
        }
        position += count
        return value
    }

    /// Microseconds after an optional point; nil for a point without a digit.
    mutating func fraction() -> Int64? {
        guard take(".") || take(",") else { return 0 }
        var value: Int64 = 0
        var count = 0
        while position < bytes.count, bytes[position] >= 0x30, bytes[position] <= 0x39 {
            if count < 6 { value = value * 10 + Int64(bytes[position] - 0x30) }
            count += 1
            position += 1
        }
        guard count > 0 else { return nil }
        for _ in 0..<max(0, 6 - count) { value *= 10 }
        return value
    }

    /// Seconds east of UTC.
    mutating func zone() -> (Int64, Timestamp.Zone)? {
        if isAtEnd { return (0, .assumed) }
        if take("Z") || take("z") { return (0, .stated) }
        let sign: Int64
        if take("+") { sign = 1 } else if take("-") { sign = -1 } else { return nil }
        guard let hours = digits(2), hours < 24 else { return nil }
        let colon = take(":")
        guard let minutes = isAtEnd && !colon ? 0 : digits(2), minutes < 60 else { return nil }
        return (sign * (hours * 3600 + minutes * 60), .stated)
    }
}

/// Days and dates of the proleptic Gregorian calendar.
enum CivilDate {
    /// Days since 1970-01-01. Years begin in March here, so that the leap day is a year's last.
    static func toDays(year: Int64, month: Int64, day: Int64) -> Int64 {
        let y = month <= 2 ? year - 1 : year
        let era = (y >= 0 ? y : y - 399) / 400
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    static func fromDays(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
    }

    static func days(inMonth month: Int64, year: Int64) -> Int64 {
        switch month {
        case 4, 6, 9, 11: 30
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        default: 31
        }
    }
}
