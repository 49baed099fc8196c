import Codecs
import Foundation
import TestSupport
import Testing

/// The daemon with a webhook, and the commands that an operator has for it.
@Suite(.serialized) struct DaemonDeliveryTests {
    private let directory: TemporaryDirectory
    private let binary: String
    private let path: String

    init() throws {
        (directory, binary) = (try TemporaryDirectory(), try DaemonProcess.binary())
        path = directory.file("acme.yaml")
    }

    private func configure(_ redis: RedisServer, _ receiver: WebhookReceiver, keys: String = "") throws {
        try directory.write(
            "acme.yaml",
            """
            tenant: acme
            sources:
              - { name: cape, vendor: teleforge, redis: "\(redis.url)" }
            sinks:
              - name: crm
                type: webhook
                url: \(receiver.url)
                timeout: 5s
                events: ["call.*"]
            \(keys)
              - { name: lines, type: file, path: \(directory.file("lines.jsonl")) }
            store: { path: \(directory.file("store.sqlite")) }

            """)
    }

    private func start() throws -> DaemonProcess {
        try DaemonProcess(binary: binary, ["run", path], directory: directory)
    }

    /// A command beside the daemon: its exit code and what it wrote.
    private func command(_ arguments: String...) async throws -> (
        exit: ChildProcess.Exit, output: String, errors: String
    ) {
        try await command(arguments)
    }

    private func command(_ arguments: [String]) async throws -> (
        exit: ChildProcess.Exit, output: String, errors: String
    ) {
        let (output, errors) = (directory.file("command.out"), directory.file("command.err"))
        for file in [output, errors] { try? FileManager.default.removeItem(atPath: file) }
        let child = try ChildProcess(
            binary, arguments,
            environment: [
                "XDG_STATE_HOME": directory.file("state"), "XDG_RUNTIME_DIR": directory.file("run"),
                "HOME": directory.path,
            ], output: .file(output), errors: .file(errors))
        let exit = try await child.wait(within: .seconds(60))
        return (exit, directory.text("command.out"), directory.text("command.err"))
    }

    private func json(_ text: String) throws -> JSONValue {
        try JSONDocument(Array(text.utf8), limits: JSONLimits(depth: 32)).root
    }

    /// Pushes notifications of `calls`, each of a call of its own; returns the references.
    private func push(_ calls: ClosedRange<Int>, to redis: RedisServer) throws {
        let elements = calls.map {
            #"{"type":"call","payload":{"number":"082\#(1_000_000 + $0)","call_ref":"ref-\#($0)","ref":"1001","call_dir":"inbound","hold_time":\#($0)}}"#
        }
        try redis.client().push(TeleforgeElements.inboundList, elements)
    }

    @Test(.timeLimit(.minutes(3)))
    func `Dead letters can be listed, shown, sent again and purged, while the service runs and without it`()
        async throws
    {
        guard let redis = try await RedisServer.start(), let receiver = try await WebhookReceiver.start() else {
            return
        }
        try configure(redis, receiver)
        try receiver.plan(#"{"refuse":{"ref-2":422,"ref-3":404}}"#)
        let daemon = try start()
        try push(1...4, to: redis)
        try await eventually("all is delivered or refused", state: { daemon.state }) { receiver.requests.count >= 8 }
        var letters: [JSONValue] = []
        try await eventually("the letters are stored", state: { daemon.state }) {
            let list = try await command("deadletters", "list", "--config", path, "--json")
            letters = try list.output.split(separator: "\n").map { try json(String($0)) }
            return letters.count == 4
        }
        #expect(letters.allSatisfy { $0["state"]?.string == "dead" && $0["attempt_count"]?.numberText == "1" })
        #expect(letters.allSatisfy { $0["reason"]?.string?.contains("HTTP 4") == true })
        let seq = try #require(letters[0]["seq"]?.numberText)
        let shown = try await command("deadletters", "show", "--config", path, "--sink", "crm", seq)
        #expect(try json(shown.output)["line"]?["seq"]?.numberText == seq)
        #expect(try json(shown.output)["attempts"]?.elements.count == 1)
        #expect(try await command("deadletters", "show", "--config", path, "--sink", "crm", "9999").exit == .code(1))

        let listed = try await command("deadletters", "--config", path)
        let rows = listed.output.split(separator: "\n")
        #expect(rows.count == 5 && rows[1].contains("call.offered") && rows[1].contains("cape:ref-2"), "\(listed)")
        #expect(rows.allSatisfy { $0.prefix(6).hasSuffix("  ") }, "columns are in line: \(listed.output)")
        #expect(try await command("deadletters", "--config", path, "--sink", "lines").errors.contains("some of crm"))
        // Whoever looks sees that all of it is refused, although the sink takes requests.
        let status = try json(try await command("status", "--config", path, "--json").output)
        #expect(status["sinks"]?.elements.first?["last_error"]?["reason"]?.string?.contains("HTTP 4") == true)
        #expect(status["sinks"]?.elements.first?["state"]?.string == "up")
        try await expectNoOrder()

        // One by its seq, while the service runs.
        try receiver.plan("{}")
        let before = receiver.requests.count
        let retried = try await command("deadletters", "retry", "--config", path, "--sink", "crm", seq)
        #expect(retried.exit == .code(0) && retried.output == "1 letter of crm is on its way\n", "\(retried)")
        try await eventually("it is delivered", state: { daemon.state }) { receiver.requests.count == before + 1 }
        #expect(receiver.requests.last?.body.contains("\"seq\":\(seq),") == true)

        // The others are ordered without the service, and delivered after its start.
        #expect(try await daemon.terminate() == .code(0), "\(daemon.state)")
        let last = try #require(letters[3]["seq"]?.numberText)
        let purged = try await command("deadletters", "purge", "--config", path, "--sink", "crm", last)
        #expect(purged.output == "1 purged, 2 dead letters of crm are left\n", "\(purged)")
        let alone = try await command("deadletters", "retry", "--config", path, "--sink", "crm", "--all")
        #expect(alone.output == "2 letters of crm are on their way\n", "\(alone)")
        try await expectNoOrder()
        try daemon.restart()
        try await eventually("they are delivered", state: { daemon.state }) {
            try await command("deadletters", "list", "--config", path, "--json").output.isEmpty
        }
        #expect(try await daemon.terminate() == .code(0), "\(daemon.state)")
        let ids = receiver.requests.filter { $0.status == 200 }.map(\.id)
        #expect(ids.count == Set(ids).count)
        #expect(
            try await command("deadletters", "retry", "--config", path, "--sink", "cmr", "--all").errors.contains(
                "there is no sink 'cmr'"))
        #expect(try await command("deadletters", "retry", "--config", path, "--sink", "crm").exit == .code(64))
    }

    /// Orders about what is not there are refused, with the reason, by the service and without it.
    private func expectNoOrder() async throws {
        let orders: [([String], String)] = [
            (["deadletters", "retry", "--sink", "crm", "9999"], "sink 'crm' has no dead letter with seq 9999"),
            (["deadletters", "purge", "--sink", "crm", "9999"], "sink 'crm' has no dead letter with seq 9999"),
            (["deadletters", "purge", "--sink", "cmr", "--all"], "there is no sink 'cmr'; there are crm, lines"),
            (["replay", "--sink", "lines", "--call", "cape:ref-9"], "no line of call 'cape:ref-9'"),
            (["replay", "--sink", "lines", "--since", "1m", "--until", "1h"], "--since is later than --until"),
            (["replay", "--sink", "lines", "--since", "yesterday"], "a time ago such as 30m"),
        ]
        for (order, reason) in orders {
            let answer = try await command(order + ["--config", path])
            #expect(answer.exit != .code(0) && answer.errors.contains(reason), "\(order): \(answer)")
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func `A replay reaches one sink, with the ids unchanged and a mark`() async throws {
        guard let redis = try await RedisServer.start(), let receiver = try await WebhookReceiver.start() else {
            return
        }
        try configure(redis, receiver)
        let daemon = try start()
        try push(1...5, to: redis)
        try await eventually("all is delivered", state: { daemon.state }) { receiver.requests.count == 10 }
        let first = receiver.requests
        try await eventually("the cursor has followed") {
            let status = try json(try await command("status", "--config", path, "--json").output)
            return status["sinks"]?.elements.first?["backlog_events"]?.numberText == "0"
        }
        let replayed = try await command("replay", "--config", path, "--sink", "crm", "--call", "cape:ref-3")
        #expect(replayed.exit == .code(0) && replayed.output.contains("of call cape:ref-3"), "\(replayed)")
        try await eventually("the call comes again", state: { daemon.state }) { receiver.requests.count == 12 }
        let again = Array(receiver.requests.dropFirst(10))
        #expect(again.map(\.id) == first.filter { $0.body.contains("ref-3") }.map(\.id))
        #expect(again.allSatisfy { $0.body.contains(#""replayed":true"#) })
        #expect(first.allSatisfy { !$0.body.contains("replayed") })

        #expect(try await command("replay", "--config", path, "--sink", "crm", "--since", "1h").exit == .code(0))
        try await eventually("everything comes again", state: { daemon.state }) { receiver.requests.count == 22 }
        #expect(try await command("replay", "--config", path, "--sink", "crm").exit == .code(64))
        #expect(try await daemon.terminate() == .code(0), "\(daemon.state)")
        // The file got nothing twice.
        let lines = directory.text("lines.jsonl").split(separator: "\n")
        #expect(lines.count == Set(lines).count && !directory.text("lines.jsonl").contains("replayed"))
    }

    @Test(.timeLimit(.minutes(3)))
    func `Status tells of sources, sinks, backlog and the last error; a disabled sink wakes at SIGHUP`() async throws {
        guard let redis = try await RedisServer.start(), let receiver = try await WebhookReceiver.start() else {
            return
        }
        try configure(redis, receiver)
        let before = try await command("status", "--config", path)
        #expect(before.exit == .code(1) && before.errors.contains("does it run?"), "\(before)")
        try receiver.plan(#"{"status":410}"#)
        let daemon = try start()
        try push(1...3, to: redis)
        var status = try json("{}")
        try await eventually("the sink is disabled", state: { daemon.state }) {
            let answer = try await command("status", "--config", path, "--json")
            guard answer.exit == .code(0) else { return false }
            status = try json(answer.output)
            return status["sinks"]?.elements.first?["state"]?.string == "disabled"
                && status["sinks"]?.elements.last?["backlog_events"]?.numberText == "0"
                && status["sources"]?.elements.first?["acknowledged"]?.numberText == "3"
        }
        let (crm, lines) = (status["sinks"]?.elements.first, status["sinks"]?.elements.last)
        #expect(status["tenant"]?.string == "acme" && status["pid"]?.numberText == "\(daemon.child.pid)")
        #expect(crm?["name"]?.string == "crm" && crm?["type"]?.string == "webhook")
        #expect(crm?["last_error"]?["reason"]?.string?.contains("HTTP 410") == true)
        #expect((crm?["backlog_events"]?.numberText.flatMap { Int($0) } ?? 0) >= 6)
        #expect(lines?["state"]?.string == "up" && lines?["delivered"]?.numberText != "0")
        #expect(status["sources"]?.elements.first?["up"]?.bool == true)
        let text = try await command("status", "--config", path).output
        #expect(text.contains("crm") && text.contains("disabled") && text.contains("HTTP 410"))

        try receiver.plan("{}")
        daemon.child.signal(SIGHUP)
        try await eventually("it is delivered", state: { daemon.state }) {
            receiver.requests.count { $0.status == 200 } == 6
        }
        #expect(try await daemon.terminate() == .code(0), "\(daemon.state)")
        #expect(!FileManager.default.fileExists(atPath: directory.file("run/cti-bridge/acme/control.sock")))
    }

    @Test(.timeLimit(.minutes(3)))
    func `A sink sees what its filter, mask and format leave of an event`() async throws {
        guard let redis = try await RedisServer.start(), let receiver = try await WebhookReceiver.start() else {
            return
        }
        try configure(
            redis, receiver,
            keys: """
                    except: { origins: [synthetic] }
                    mask: { numbers: last4, names: drop }
                    format: cloudevents
                    type_prefix: com.example.
                """)
        let daemon = try start()
        try push(7...7, to: redis)
        try await eventually("the event comes", state: { daemon.state }) { receiver.requests.count == 1 }
        #expect(try await daemon.terminate() == .code(0), "\(daemon.state)")
        #expect(receiver.requests.count == 1, "the opener was concluded by the bridge")
        let event = try json(receiver.requests[0].body)
        #expect(receiver.requests[0].headers["content-type"] == "application/cloudevents+json")
        #expect(event["type"]?.string == "com.example.call.answered" && event["specversion"]?.string == "1.0")
        #expect(event["id"]?.string == receiver.requests[0].id && event["subject"]?.string == "cape:ref-7")
        #expect(event["data"]?["from"]?["number"]?.string == "***0007")
    }
}
