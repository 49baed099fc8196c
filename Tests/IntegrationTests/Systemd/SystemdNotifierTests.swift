import Bridge
import Foundation
import TestSupport
import Testing

@Suite struct SystemdNotifierTests {
    @Test func `Each state arrives with its assignments at a socket with a path`() throws {
        let directory = try TemporaryDirectory()
        let listener = try DatagramListener(directory.file("notify"))
        let notifier = SystemdNotifier(socketPath: directory.file("notify"))
        #expect(notifier.isActive)
        notifier.ready(status: "2 sources up")
        #expect(listener.next() == ["READY": "1", "STATUS": "2 sources up"])
        notifier.status("backlog 12")
        #expect(listener.next() == ["STATUS": "backlog 12"])
        notifier.stopping(status: "draining")
        #expect(listener.next() == ["STOPPING": "1", "STATUS": "draining"])
        notifier.extendTimeout(by: .milliseconds(1500))
        #expect(listener.next() == ["EXTEND_TIMEOUT_USEC": "1500000"])
        #expect(listener.next() == nil)
    }

    @Test func `A reload carries the monotonic time that systemd matches it with`() throws {
        let name = "@cti-bridge-test-\(UInt64.random(in: 0 ... .max))"
        let listener = try DatagramListener(name)
        var before = timespec()
        clock_gettime(CLOCK_MONOTONIC, &before)
        SystemdNotifier(socketPath: name).reloading()
        let message = try #require(listener.next())
        #expect(message["RELOADING"] == "1")
        let sent = try #require(message["MONOTONIC_USEC"].flatMap(Int.init))
        let earliest = before.tv_sec * 1_000_000 + before.tv_nsec / 1000
        #expect(sent >= earliest && sent < earliest + 60_000_000)
    }

    @Test func `A status with line breaks stays one assignment`() throws {
        let directory = try TemporaryDirectory()
        let listener = try DatagramListener(directory.file("notify"))
        SystemdNotifier(socketPath: directory.file("notify")).status("one\nREADY=1\u{1B}[0m")
        #expect(listener.next() == ["STATUS": "one READY=1 [0m"])
    }

    @Test(arguments: [nil, "", "@", "relative", "/nowhere/at/all", "/" + String(repeating: "x", count: 200)])
    func `A service does not mind when nobody listens`(path: String?) {
        let notifier = SystemdNotifier(socketPath: path)
        notifier.ready(status: "")
        notifier.reloading()
        notifier.stopping(status: "")
    }

    @Test func `A listener whose queue is full does not hold the service up`() throws {
        let directory = try TemporaryDirectory()
        let listener = try DatagramListener(directory.file("notify"))
        let notifier = SystemdNotifier(socketPath: directory.file("notify"))
        for number in 0..<2000 { notifier.status("number \(number)") }
        #expect(listener.next() == ["STATUS": "number 0"])
    }
}
