import Foundation

/// A directory of its own for one test, removed with its last owner; kept with `CTI_BRIDGE_KEEP=1`.
public final class TemporaryDirectory: Sendable {
    public let path: String

    /// The path is short enough for a unix socket in it.
    public init() throws {
        var template = Array("/tmp/ctib-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw SystemCallError("mkdtemp") }
        path = String(cString: made)
    }

    deinit {
        if ProcessInfo.processInfo.environment["CTI_BRIDGE_KEEP"] == "1" {
            print("kept: \(path)")
        } else {
            try? FileManager.default.removeItem(atPath: path)
        }
    }

    /// The path of `name` in this directory.
    public func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Writes `content` to `name` with owner-only rights; returns its path.
    @discardableResult
    public func write(_ name: String, _ content: String) throws -> String {
        let target = file(name)
        try Data(content.utf8).write(to: URL(fileURLWithPath: target))
        guard chmod(target, 0o600) == 0 else { throw SystemCallError("chmod") }
        return target
    }

    /// The text of `name`, empty when there is no such file.
    public func text(_ name: String) -> String {
        (try? String(contentsOfFile: file(name), encoding: .utf8)) ?? ""
    }
}

/// A system call that failed, with its `errno`.
public struct SystemCallError: Error, CustomStringConvertible {
    public let description: String
    public init(_ call: String, code: Int32 = errno) { description = "\(call): \(String(cString: strerror(code)))" }
}
