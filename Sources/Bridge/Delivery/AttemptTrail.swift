import Codecs

/// Every failed attempt to deliver a line: when, how often, and why. Attempts in a row with the same reason are told as one run.
package struct AttemptTrail: Sendable, Equatable {
    package struct Run: Sendable, Equatable {
        package let first: Timestamp
        package fileprivate(set) var last: Timestamp
        package fileprivate(set) var count: Int
        package let reason: String
    }

    /// Of more runs than these the ones in the middle are told as one.
    private static let maximumRuns = 48
    private static let maximumReason = 300

    package private(set) var runs: [Run] = []

    package init() {}

    package var count: Int { runs.reduce(0) { $0 + $1.count } }
    package var first: Timestamp? { runs.first?.first }
    package var lastReason: String? { runs.last?.reason }

    package mutating func add(_ reason: String, at time: Timestamp) {
        let reason = String(reason.prefix(Self.maximumReason))
        if let last = runs.last, last.reason == reason {
            runs[runs.count - 1].count += 1
            runs[runs.count - 1].last = time
            return
        }
        runs.append(Run(first: time, last: time, count: 1, reason: reason))
        guard runs.count > Self.maximumRuns else { return }
        let middle = Self.maximumRuns / 2
        let (left, right) = (runs[middle], runs[middle + 1])
        runs[middle] = Run(
            first: left.first, last: right.last, count: left.count + right.count, reason: "several reasons in turn")
        runs.remove(at: middle + 1)
    }
}

/// The form in which trails are stored and shown: `[{"at":…,"until":…,"count":2,"reason":"…"}]`, times as in lines; `until`
/// and `count` only for more than one.
extension AttemptTrail {
    package var json: String {
        var writer = ByteWriter(capacity: 256)
        writer.append(UInt8(ascii: "["))
        for run in runs {
            if writer.count > 1 { writer.append(UInt8(ascii: ",")) }
            writer.append(#"{"at":""#)
            writer.append(run.first)
            writer.append(UInt8(ascii: "\""))
            if run.count > 1 {
                writer.append(#","until":""#)
                writer.append(run.last)
                writer.append(#"","count":"#)
                writer.append(decimal: Int64(run.count))
            }
            writer.append(#","reason":"#)
            writer.append(jsonString: run.reason)
            writer.append(UInt8(ascii: "}"))
        }
        writer.append(UInt8(ascii: "]"))
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// What cannot be read is left out.
    package init(json: String) {
        guard let document = try? JSONDocument(Array(json.utf8)) else { return }
        for entry in document.root.elements {
            guard let at = entry["at"]?.string.flatMap({ Timestamp($0) }), let reason = entry["reason"]?.string else {
                continue
            }
            let until = entry["until"]?.string.flatMap { Timestamp($0) }
            let count = entry["count"]?.numberText.flatMap { Int($0) }
            runs.append(Run(first: at, last: until ?? at, count: max(count ?? 1, 1), reason: reason))
        }
    }
}
