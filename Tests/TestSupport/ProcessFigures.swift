import Foundation

/// What the kernel says about a running process (proc(5)).
public struct ProcessFigures: Sendable {
    /// Anonymous memory, swap included, in bytes.
    public let anonymousBytes: Int
    /// Address space, used or not, in bytes.
    public let virtualBytes: Int
    /// Times each of its threads went to sleep of its own accord.
    private let sleeps: [String: Int]
    /// CPU time of all threads.
    public let cpu: Duration

    public init(of pid: pid_t) throws {
        let memory = try Self.fields("/proc/\(pid)/smaps_rollup")
        anonymousBytes = 1024 * ((memory["Anonymous"] ?? 0) + (memory["Swap"] ?? 0))
        virtualBytes = 1024 * (try Self.fields("/proc/\(pid)/status")["VmSize"] ?? 0)
        let threads = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")
        sleeps = threads.reduce(into: [:]) { sleeps, thread in
            sleeps[thread] = (try? Self.fields("/proc/\(pid)/task/\(thread)/status"))?["voluntary_ctxt_switches"]
        }
        // After the name in parentheses the third field of the line is the first: user and system time are 14 and 15.
        let line = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
        let fields = line[(line.lastIndex(of: ")") ?? line.startIndex)...].split(separator: " ")
        let ticks = fields.count > 13 ? (Int(fields[12]) ?? 0) + (Int(fields[13]) ?? 0) : 0
        cpu = .milliseconds(ticks * 1000 / max(1, sysconf(Int32(_SC_CLK_TCK))))
    }

    /// Wake-ups since `earlier`, of the threads that still run.
    public func wakeUps(since earlier: ProcessFigures) -> Int {
        sleeps.reduce(0) { $0 + $1.value - (earlier.sleeps[$1.key] ?? 0) }
    }

    /// The `Name: number …` lines of a file.
    private static func fields(_ path: String) throws -> [String: Int] {
        var result: [String: Int] = [:]
        for line in try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, let value = parts[1].split(whereSeparator: \.isWhitespace).first else { continue }
            result[String(parts[0])] = Int(value)
        }
        return result
    }
}
