import Foundation
import TestSupport
import Testing

/// The shipped units in the eyes of systemd's own tools.
@Suite(.enabled("systemd-analyze is not installed") { ChildProcess.find("systemd-analyze") != nil })
struct SystemdUnitTests {
    /// The repository's `systemd` folder.
    private static let units = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../../systemd").standardized.path

    /// A copy of the units whose ExecStart names a program that exists here: `verify` looks for it.
    private func copies() throws -> TemporaryDirectory {
        let directory = try TemporaryDirectory()
        for name in ["cti-bridge@.service", "cti-bridge.target"] {
            let text = try String(contentsOfFile: "\(Self.units)/\(name)", encoding: .utf8)
            try directory.write(name, text.replacingOccurrences(of: "/usr/bin/cti-bridge", with: "/bin/true"))
        }
        return directory
    }

    @Test func `The units are what systemd expects, without a warning`() async throws {
        let directory = try copies()
        let (exit, output) = try await ChildProcess.run(
            "systemd-analyze",
            ["verify", "--man=no", directory.file("cti-bridge@.service"), directory.file("cti-bridge.target")])
        #expect(exit == .code(0))
        // Other units of the host may have faults of their own.
        #expect(output.split(separator: "\n").filter { $0.contains("cti-bridge") }.isEmpty, "\(output)")
    }

    @Test func `The sandbox leaves an exposure of at most 1 1 of 10`() async throws {
        let directory = try copies()
        // With a threshold, given in tenths, the exit status tells whether the unit stays below it.
        let (exit, output) = try await ChildProcess.run(
            "systemd-analyze",
            ["security", "--offline=true", "--threshold=11", directory.file("cti-bridge@.service")])
        #expect(exit == .code(0), "\(output)")
        print(output.split(separator: "\n").last { $0.contains("exposure") } ?? "no exposure told")
    }

    @Test func `The unit promises what the daemon and its documentation rely on`() throws {
        let text = try String(contentsOfFile: "\(Self.units)/cti-bridge@.service", encoding: .utf8)
        let lines = Set(text.split(separator: "\n").map(String.init))
        for line in [
            "Type=notify", "NotifyAccess=main", "ExecStart=/usr/bin/cti-bridge run /etc/cti-bridge/%i.yaml",
            "ExecReload=/bin/kill -HUP $MAINPID", "RestartPreventExitStatus=64 78", "StateDirectory=cti-bridge/%i",
            "RuntimeDirectory=cti-bridge/%i", "LogsDirectory=cti-bridge/%i", "User=cti-bridge",
        ] { #expect(lines.contains(line), "\(line)") }
        // Nothing feeds a watchdog yet: the unit must not ask for one.
        #expect(!text.contains("WatchdogSec"))
    }
}
