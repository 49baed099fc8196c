import ArgumentParser
import BridgeCore
import CallModel
import Codecs
import Glibc

/// Exit codes of every command: 0 fine, 1 failed, 64 wrong usage (ArgumentParser's own), 78 bad configuration (sysexits.h).
extension ExitCode {
    static let badConfiguration = ExitCode(78)
}

enum Output {
    /// Writes a whole text to standard output or error. False once nobody reads it any more.
    @discardableResult
    static func write(_ text: String, to descriptor: Int32 = STDOUT_FILENO) -> Bool {
        write(Array(text.utf8), to: descriptor)
    }

    @discardableResult
    static func write(_ bytes: [UInt8], to descriptor: Int32 = STDOUT_FILENO) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written >= 0 {
                rest = rest.dropFirst(written)
            } else if errno == EAGAIN {
                var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&waiting, 1, -1)
            } else if errno != EINTR {
                return false
            }
        }
        return true
    }

    static func error(_ text: String) { write("cti-bridge: \(text)\n", to: STDERR_FILENO) }

    static var errorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }
}

enum Files {
    /// The names in a directory but `.` and `..`, in no order; nil where it cannot be opened, with the reason in `errno`.
    static func names(in directory: String) -> [String]? {
        guard let handle = opendir(directory) else { return nil }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// The bytes of a file of at most `limit`; throws a sentence.
    static func read(_ path: String, limit: Int) throws -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(path, "cannot be opened") }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw FileError(path, "cannot be read") }
            if count == 0 { return bytes }
            guard bytes.count + count <= limit else {
                throw FileError(path, "larger than \(limit) bytes", code: nil)
            }
            bytes.append(contentsOf: chunk[..<count])
        }
    }
}

struct FileError: Error, CustomStringConvertible {
    let description: String

    init(_ path: String, _ what: String, code: Int32? = errno) {
        description = "\(path): \(what)" + (code.map { " (\(String(cString: strerror($0))))" } ?? "")
    }
}

/// What all commands that read configuration files share.
enum Configurations {
    static var environment: [String: String] {
        var values: [String: String] = [:]
        var entry = environ
        while let text = entry.pointee {
            let parts = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { values[String(parts[0])] = String(parts[1]) }
            entry += 1
        }
        return values
    }

    /// Loads all files, or writes every mistake of every file to standard error and throws exit code 78.
    static func load(_ paths: [String]) throws -> [TenantConfiguration] {
        let outcomes = paths.map {
            ConfigurationLoader.load(path: $0, environment: environment, kinds: Kind.allCases.map(\.name))
        }
        let diagnostics = outcomes.flatMap(\.diagnostics)
        for diagnostic in diagnostics { Output.write("\(diagnostic)\n", to: STDERR_FILENO) }
        let loaded = outcomes.compactMap(\.configuration)
        guard loaded.count == paths.count else { throw ExitCode.badConfiguration }
        var seen: [String: String] = [:]
        for (path, configuration) in zip(paths, loaded) {
            if let other = seen.updateValue(path, forKey: configuration.tenant) {
                Output.error("tenant '\(configuration.tenant)' is configured by both \(other) and \(path); rename one")
                throw ExitCode.badConfiguration
            }
        }
        return loaded
    }
}
