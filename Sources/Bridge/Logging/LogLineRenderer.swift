import BridgeCore
import Codecs
import Logging

/// One message on its way to a log line.
struct LogEntry {
    var time: Timestamp
    var level: Logger.Level
    var label: String
    var message: String
    /// Sorted by key.
    var metadata: [(key: String, value: Logger.MetadataValue)] = []
    /// How many equal messages this line stands for, beside those that were written; 0 for an ordinary line.
    var repeats = 0
}

/// Turns entries into lines: one entry is one line of well-formed UTF-8, whatever the values hold, and at most
/// `LogLineRenderer.maximumBytes` long.
struct LogLineRenderer {
    /// With its newline. Not above `PIPE_BUF`, so that lines of several writers of one pipe do not mix (pipe(7)).
    static let maximumBytes = 4096
    /// Of one message or value, as written.
    private static let maximumValueBytes = 1024
    /// Kept free for the end of the line.
    private static let reserve = 40

    let format: LogFormat

    func render(_ entry: LogEntry) -> [UInt8] {
        var line: [UInt8] = []
        line.reserveCapacity(256)
        switch format {
        case .text:
            line += Self.time(entry.time) + Array(" \(Self.name(entry.level)) ".utf8)
            appendText(entry, to: &line)
        case .journal:
            line += Array("<\(Self.priority(entry.level))>".utf8)
            appendText(entry, to: &line)
        case .json:
            appendJSON(entry, to: &line)
        }
        line.append(UInt8(ascii: "\n"))
        return line
    }

    // MARK: Forms

    private func appendText(_ entry: LogEntry, to line: inout [UInt8]) {
        line += LogText.escaped(entry.message, for: .text, limit: Self.maximumValueBytes)
        for (key, value) in entry.metadata {
            let text = LogText.plain(value, key: key, reveal: entry.level <= .debug)
            let pair =
                [UInt8(ascii: " ")] + LogText.escaped(key, for: .text, limit: 64) + [UInt8(ascii: "=")]
                + LogText.quoted(text, limit: Self.maximumValueBytes)
            guard line.count + pair.count + Self.reserve <= Self.maximumBytes else {
                line += Array(" …".utf8)
                break
            }
            line += pair
        }
        if entry.repeats > 0 { line += Array(" (\(entry.repeats) more)".utf8) }
    }

    private func appendJSON(_ entry: LogEntry, to line: inout [UInt8]) {
        func json(_ text: String, limit: Int) -> [UInt8] {
            [UInt8(ascii: "\"")] + LogText.escaped(text, for: .json, limit: limit) + [UInt8(ascii: "\"")]
        }
        line += Array("{\"time\":\"".utf8) + Self.time(entry.time)
        line += Array("\",\"level\":\"\(entry.level.rawValue)\",\"logger\":".utf8) + json(entry.label, limit: 128)
        line += Array(",\"message\":".utf8) + json(entry.message, limit: Self.maximumValueBytes)
        if entry.repeats > 0 { line += Array(",\"repeats\":\(entry.repeats)".utf8) }
        var separator = ",\"fields\":{"
        var isCut = false
        for (key, value) in entry.metadata {
            let text = LogText.plain(value, key: key, reveal: entry.level <= .debug)
            let pair =
                Array(separator.utf8) + json(key, limit: 64) + [UInt8(ascii: ":")]
                + json(text, limit: Self.maximumValueBytes)
            guard line.count + pair.count + Self.reserve <= Self.maximumBytes else {
                isCut = true
                break
            }
            line += pair
            separator = ","
        }
        if separator == "," { line.append(UInt8(ascii: "}")) }
        line += Array((isCut ? ",\"cut\":true}" : "}").utf8)
    }

    // MARK: Parts

    /// Milliseconds are enough for people; events carry microseconds.
    private static func time(_ time: Timestamp) -> [UInt8] {
        Array(time.description.utf8.prefix(23)) + [UInt8(ascii: "Z")]
    }

    /// Padded, so that messages stand below each other.
    private static func name(_ level: Logger.Level) -> String {
        switch level {
        case .trace: "trace   "
        case .debug: "debug   "
        case .info: "info    "
        case .notice: "notice  "
        case .warning: "warning "
        case .error: "error   "
        case .critical: "critical"
        }
    }

    /// The syslog priorities of sd-daemon(3).
    private static func priority(_ level: Logger.Level) -> Int {
        switch level {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }
}
