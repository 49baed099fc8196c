import Codecs
import TestSupport
import Testing

@Suite("Times")
struct TimestampTests {
    @Test(
        "A time is read, whatever its spelling",
        arguments: [
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z"),
            ("1970-01-01T00:00:00z", "1970-01-01T00:00:00.000000Z"),
            ("1970-01-01t00:00:00Z", "1970-01-01T00:00:00.000000Z"),
            ("1970-01-01 00:00:00Z", "1970-01-01T00:00:00.000000Z"),
            ("1970-01-01T00:00:00", "1970-01-01T00:00:00.000000Z"),
            ("1969-12-31T23:59:59.9Z", "1969-12-31T23:59:59.900000Z"),
            ("2026-01-15T10:00:17.25Z", "2026-01-15T10:00:17.250000Z"),
            ("2026-01-15T10:00:17.123Z", "2026-01-15T10:00:17.123000Z"),
            ("2026-01-15T10:00:17.1234Z", "2026-01-15T10:00:17.123400Z"),
            ("2026-01-15T10:00:17.12345Z", "2026-01-15T10:00:17.123450Z"),
            ("2026-01-15T10:00:17.123456Z", "2026-01-15T10:00:17.123456Z"),
            ("2026-01-15T10:00:17.1234569Z", "2026-01-15T10:00:17.123456Z"),
            ("2026-01-15T10:00:17,5Z", "2026-01-15T10:00:17.500000Z"),
            ("2026-01-15T12:00:00+02:00", "2026-01-15T10:00:00.000000Z"),
            ("2026-01-15T12:00:00+0200", "2026-01-15T10:00:00.000000Z"),
            ("2026-01-15T12:00:00+02", "2026-01-15T10:00:00.000000Z"),
            ("2026-01-15T04:30:00-05:30", "2026-01-15T10:00:00.000000Z"),
            ("2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00.000000Z"),
            ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000000Z"),
            ("2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000000Z"),
            ("2024-02-29T23:59:59-00:01", "2024-03-01T00:00:59.000000Z"),
            ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000000Z"),
            ("0001-01-01T00:00:00", "0001-01-01T00:00:00.000000Z"),
            ("9999-12-31T23:59:59.9999999", "9999-12-31T23:59:59.999999Z"),
        ])
    func reads(_ text: String, _ expected: String) throws {
        let time = try #require(Timestamp(text))
        #expect(time.description == expected)
        #expect(Timestamp(expected) == time)
    }

    @Test(
        "What is no time is refused",
        arguments: [
            "", "2026", "2026-01-15", "2026-01-15T10:00", "2026-1-15T10:00:00Z", "26-01-15T10:00:00Z",
            "2026-00-15T10:00:00Z",
            "2026-13-15T10:00:00Z", "2026-01-00T10:00:00Z", "2026-01-32T10:00:00Z", "2026-04-31T10:00:00Z",
            "2023-02-29T10:00:00Z", "1900-02-29T10:00:00Z", "2100-02-29T10:00:00Z", "2026-01-15T24:00:00Z",
            "2026-01-15T10:60:00Z", "2026-01-15T10:00:61Z", "2026-01-15T10:00:00.Z", "2026-01-15T10:00:00.x",
            "2026-01-15T10:00:00ZZ", "2026-01-15T10:00:00 Z", "2026-01-15T10:00:00+24:00", "2026-01-15T10:00:00+01:60",
            "2026-01-15T10:00:00+1", "2026-01-15T10:00:00+01:", "2026-01-15T10:00:00UTC", "2026-01-15X10:00:00Z",
            " 2026-01-15T10:00:00Z", "-026-01-15T10:00:00Z", "0000-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00",
            "２026-01-15T10:00:00Z",
        ])
    func refuses(_ text: String) {
        #expect(Timestamp(text) == nil)
    }

    @Test("A time without a zone says that the zone was assumed")
    func zones() {
        #expect(Timestamp.parse("2026-01-15T10:00:00")?.zone == .assumed)
        #expect(Timestamp.parse("2026-01-15T10:00:00Z")?.zone == .stated)
        #expect(Timestamp.parse("2026-01-15T10:00:00+00:00")?.zone == .stated)
    }

    @Test("Times outside the years that can be written are brought to the nearest one")
    func clamps() {
        #expect(Timestamp(microseconds: .max).description == "9999-12-31T23:59:59.999999Z")
        #expect(Timestamp(microseconds: .min).description == "0000-01-01T00:00:00.000000Z")
        let now = Timestamp(microseconds: 1_768_471_200_000_000)
        #expect(now.advanced(by: .seconds(Int64.max)).microseconds == Timestamp.range.upperBound)
        #expect(now.advanced(by: .seconds(Int64.min)).microseconds == Timestamp.range.lowerBound)
        #expect(now.advanced(by: .milliseconds(-1)).microseconds == now.microseconds - 1000)
        #expect(now.milliseconds(since: now.advanced(by: .microseconds(-2999))) == 2)
        #expect(now.milliseconds(since: now.advanced(by: .seconds(1))) == 0)
    }

    @Test("No duration traps, those included whose fraction reaches over the end of 64 bits")
    func longDurations() async {
        await #expect(processExitsWith: .success) {
            let now = Timestamp(microseconds: 0)
            let edge = Int64.max / 1_000_000
            let forward = now.advanced(by: .seconds(edge) + .microseconds(999_999))
            let back = now.advanced(by: .seconds(-edge) - .microseconds(999_999))
            try #require(forward.microseconds == Timestamp.range.upperBound)
            try #require(back.microseconds == Timestamp.range.lowerBound)
        }
    }

    @Test("Random times read back, and their text sorts as they do")
    func roundTrip() throws {
        var random = SeededGenerator(seed: SeededGenerator.printedSeed(for: "times"))
        var last: Timestamp?
        for _ in 0..<5000 {
            let time = Timestamp(microseconds: Int64.random(in: Timestamp.range, using: &random))
            let text = time.description
            try #require(text.utf8.count == 27)
            try #require(Timestamp(text) == time)
            if let last { try #require((last < time) == (last.description < text)) }
            last = time
        }
    }
}
