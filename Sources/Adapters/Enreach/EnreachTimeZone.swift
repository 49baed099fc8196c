import CallModel
import Codecs

/// What a time without a zone means. RTE writes most times so; they are UTC as far as anybody has seen.
enum EnreachTimeZone: Sendable, Equatable {
    /// Minutes east of UTC.
    case offset(minutes: Int)
    /// Such a time is no time; its text is kept.
    case unknown

    static let utc = EnreachTimeZone.offset(minutes: 0)

    /// `utc`, `unknown`, or an offset such as `+02:00`; nil for anything else.
    init?(_ text: String) {
        switch text {
        case "utc": self = .utc
        case "unknown": self = .unknown
        default:
            let bytes = Array(text.utf8)
            guard bytes.count == 6, bytes[0] == UInt8(ascii: "+") || bytes[0] == UInt8(ascii: "-"),
                bytes[3] == UInt8(ascii: ":"), let hours = Self.number(bytes[1], bytes[2]), hours <= 14,
                let minutes = Self.number(bytes[4], bytes[5]), minutes < 60
            else { return nil }
            let east = hours * 60 + minutes
            self = .offset(minutes: bytes[0] == UInt8(ascii: "-") ? -east : east)
        }
    }

    private static func number(_ tens: UInt8, _ ones: UInt8) -> Int? {
        let digits = (tens &- 0x30, ones &- 0x30)
        return digits.0 < 10 && digits.1 < 10 ? Int(digits.0) * 10 + Int(digits.1) : nil
    }

    /// A time that was read as UTC because no zone was given; nil where it cannot be known.
    func moment(ofZoneless time: Timestamp) -> Timestamp? {
        switch self {
        case .offset(minutes: 0): time
        case .offset(let minutes): time.advanced(by: .seconds(-60 * minutes))
        case .unknown: nil
        }
    }
}
