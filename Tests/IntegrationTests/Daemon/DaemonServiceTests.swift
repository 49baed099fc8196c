import Foundation
import TestSupport
import Testing

/// The whole daemon as a process, the way systemd and a shell see it.
@Suite(.serialized) struct DaemonServiceTests {
    private let directory: TemporaryDirectory
    private let binary: String

    init() throws {
        (directory, binary) = (try TemporaryDirectory(), try DaemonProcess.binary())
    }

    /// A tenant with one Teleforge source and one sink; returns the path of its file.
    private func configure(_ redis: RedisServer, sink: String) throws -> String {
        try directory.write(
            "acme.yaml",
            """
            tenant: acme
            sources:
              - { name: cape, vendor: teleforge, redis: "\(redis.url)" }
            sinks:
              - \(sink)
            store: { path: \(directory.file("store.sqlite")) }

            """)
    }

    private func next(_ systemd: DatagramListener, with key: String, _ daemon: DaemonProcess) async throws -> [String:
        String]
    {
        var found: [String: String] = [:]
        try await eventually("\(key) is told", state: { daemon.state }) {
            while let message = systemd.next() {
                if message[key] == "1" {
                    found = message
                    return true
                }
            }
            return false
        }
        return found
    }

    @Test(.timeLimit(.minutes(2)))
    func `systemd is told when the service is ready and when it stops`() async throws {
        guard let redis = try await RedisServer.start() else { return }
        let systemd = try DatagramListener(directory.file("notify"))
        let path = try configure(redis, sink: "{ name: lines, type: stdout }")
        let daemon = try DaemonProcess(
            binary: binary, ["run", path], directory: directory,
            environment: ["NOTIFY_SOCKET": directory.file("notify")])
        #expect(try await next(systemd, with: "READY", daemon)["STATUS"]?.isEmpty == false)
        daemon.child.signal(SIGTERM)
        _ = try await next(systemd, with: "STOPPING", daemon)
        #expect(try await daemon.child.wait() == .code(0), "\(daemon.state)")
    }

    @Test(.timeLimit(.minutes(2)))
    func `A lone event can be read from the pipe while the daemon waits for the next`() async throws {
        guard let redis = try await RedisServer.start() else { return }
        let path = try configure(redis, sink: "{ name: lines, type: stdout }")
        let daemon = try DaemonProcess(binary: binary, ["run", path], directory: directory)
        var elements = TeleforgeElements(seed: 1)
        var judge = LineJudge()
        let client = try redis.client()
        for _ in 0..<20 {
            let element = elements.inbound()
            judge.expect(element, kinds: LineJudge.inboundKinds)
            try client.push(TeleforgeElements.inboundList, [element.json])
            try await eventually("the event is delivered", state: { "\(judge.summary); \(daemon.state)" }) {
                try judge.read(directory.file(DaemonProcess.outputName))
                return judge.isComplete
            }
        }
        #expect(try await daemon.terminate() == .code(0), "\(daemon.state)")
        #expect(judge.faults.isEmpty)
    }

    @Test(.timeLimit(.minutes(2)))
    func `Nothing the daemon logs by default holds a phone number`() async throws {
        guard let redis = try await RedisServer.start() else { return }
        let path = try configure(redis, sink: "{ name: lines, type: stdout }")
        let number = "0829990123"
        let client = try redis.client()
        try client.push(
            TeleforgeElements.inboundList,
            [
                #"{"type":"call","payload":{"number":"\#(number)","call_ref":"a","ref":"1001","call_dir":"inbound"}}"#,
                #"{"type":"call","payload":{"number":"\#(number)"}}"#,
                #"{"type":"call","payload":{"number":"\#(number)"#,
                #"{"type":"cdr","payload":{"number":"\#(number)","call_ref":"a","call_time":"\#(number)x"}}"#,
            ])
        let daemon = try DaemonProcess(binary: binary, ["run", path], directory: directory)
        try await eventually("the elements are taken", state: { daemon.state }) {
            try client.length(TeleforgeElements.inboundList) == 0
        }
        #expect(try await daemon.terminate() == .code(0), "\(daemon.state)")
        #expect(directory.text(DaemonProcess.outputName).contains(number))
        #expect(!daemon.errors.contains(number), "\(daemon.errors)")
    }

    @Test(.timeLimit(.minutes(1)))
    func `Under the journal each log line begins with its priority`() async throws {
        guard let redis = try await RedisServer.start() else { return }
        let path = try configure(redis, sink: "{ name: lines, type: stdout }")
        // As systemd does it: the variable names the very stream that standard error is.
        try directory.write(DaemonProcess.errorsName, "")
        var status = stat()
        try #require(stat(directory.file(DaemonProcess.errorsName), &status) == 0)
        let daemon = try DaemonProcess(
            binary: binary, ["run", path], directory: directory,
            environment: ["JOURNAL_STREAM": "\(status.st_dev):\(status.st_ino)"])
        try await eventually("something is logged", state: { daemon.state }) { !daemon.errors.isEmpty }
        #expect(try await daemon.terminate() == .code(0))
        let lines = daemon.errors.split(separator: "\n")
        #expect(lines.allSatisfy { $0.prefixMatch(of: /<[2-7]>/) != nil }, "\(daemon.errors)")
    }

    private static let usages: [(arguments: [String], code: Int32)] = [
        (["nonsense"], 64), (["run"], 64), (["run", "--nonsense", "x.yaml"], 64), (["--help"], 0),
        (["run", "--help"], 0),
    ]

    @Test(.timeLimit(.minutes(1)), arguments: usages)
    func `Wrong usage ends with 64, help with 0`(arguments: [String], code: Int32) async throws {
        let daemon = try DaemonProcess(binary: binary, arguments, directory: directory)
        #expect(try await daemon.child.wait() == .code(code), "\(daemon.state)")
    }

    @Test(.timeLimit(.minutes(1)))
    func `A mistake in the configuration ends with 78 and names its place`() async throws {
        let path = try directory.write("acme.yaml", "tenant: acme\nsources:\n  - name: cape\n    vendor: telefrog\n")
        let daemon = try DaemonProcess(binary: binary, ["run", path], directory: directory)
        #expect(try await daemon.child.wait() == .code(78), "\(daemon.state)")
        #expect(daemon.errors.contains("\(path):4:"), "\(daemon.errors)")
    }
}
