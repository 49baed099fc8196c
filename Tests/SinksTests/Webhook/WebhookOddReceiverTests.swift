import BridgeCore
import NIOCore
import Sinks
import TestSupport
import Testing
import Transport

/// What receivers do that no specification foresees. None of them may hang the sink, take memory without bound, or keep it
/// from delivering to the next one.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct WebhookOddReceiverTests {
    enum Expected: Sendable, Equatable {
        case taken
        /// With these words in its reason.
        case again(String)
        case refused(String)
        case disabled

        func holds(for outcome: DeliveryOutcome) -> Bool {
            switch (self, outcome) {
            case (.taken, .delivered), (.disabled, .disabled): true
            case (.again(let words), .retry(nil, let reason, nil)), (.refused(let words), .rejected(nil, let reason)):
                reason.contains(words)
            default: false
            }
        }
    }

    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// A plan of `webhook_receiver.py`.
        let plan: String
        let expected: Expected
        let timeout: Int

        init(_ name: String, _ plan: String, _ expected: Expected, timeout: Int = 20_000) {
            (testDescription, self.plan, self.expected, self.timeout) = (name, plan, expected, timeout)
        }
    }

    private static let long = String(repeating: "y", count: 20_000)

    static let rows: [Row] = [
        Row(
            "100 Continue comes before the answer",
            #"{"raw":["HTTP/1.1 100 Continue\r\n\r\n","HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"]}"#, .taken),
        Row(
            "interim answers have no end", #"{"raw":[],"endless":"HTTP/1.1 103 Early Hints\r\n\r\n"}"#,
            .again("more than 8 answers of status 1xx")),
        Row(
            "the answer comes byte by byte",
            #"{"raw":["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"],"bytewise":true,"pause":0.001}"#, .taken),
        Row(
            "the answer comes byte by byte, in chunks",
            #"{"raw":["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\nX: y\r\n\r\n"],"bytewise":true}"#,
            .taken),
        Row(
            "the head comes too slowly",
            #"{"raw":["HTTP/1.1 200 OK\r\nServer: a very slow one\r\n\r\n"],"bytewise":true,"pause":0.05}"#,
            .again("no answer within 0.3 seconds"), timeout: 300),
        Row("no answer comes", #"{"raw":[]}"#, .again("no answer within 0.3 seconds"), timeout: 300),
        Row(
            "the body has no end", #"{"raw":["HTTP/1.1 200 OK\r\n\r\n"],"endless":"x"}"#, .taken),
        Row(
            "the body of a refusal has no end",
            #"{"raw":["HTTP/1.1 422 No\r\nTransfer-Encoding: chunked\r\n\r\n"],"endless":"1\r\nx\r\n"}"#,
            .refused("HTTP 422 (No)")),
        Row(
            "the body is said to be a terabyte",
            #"{"raw":["HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\n"],"endless":"x"}"#, .taken),
        Row(
            "the body never comes", #"{"raw":["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"]}"#, .taken,
            timeout: 300),
        Row(
            "the body is cut", #"{"raw":["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"],"close":true}"#, .taken),
        Row(
            "the body of a refusal is cut",
            #"{"raw":["HTTP/1.1 400 Bad\r\nContent-Length: 9\r\n\r\nabc"],"close":true}"#, .refused("HTTP 400 (Bad)")),
        Row("the head is cut", #"{"raw":["HTTP/1.1 200 O"],"close":true}"#, .again("cut in the head of the answer")),
        Row("the connection is reset", #"{"raw":[],"reset":true}"#, .again("request: ")),
        Row("it speaks HTTP/1.0", #"{"raw":["HTTP/1.0 200 OK\r\n\r\nthank you"],"close":true}"#, .taken),
        Row(
            "it closes the connection and says so",
            #"{"raw":["HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"],"close":true}"#, .taken),
        Row(
            "it closes the connection and does not say so",
            #"{"raw":["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"],"close":true}"#, .taken),
        Row(
            "it says more than it was asked",
            #"{"raw":["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 500 Oh\r\n\r\n"]}"#, .taken),
        Row("it is no HTTP server", #"{"raw":["SSH-2.0-OpenSSH_9.2\r\n"]}"#, .again("does not speak HTTP")),
        Row("the status is no number", #"{"raw":["HTTP/1.1 OK 200\r\n\r\n"]}"#, .again("malformed")),
        Row("the version is unheard of", #"{"raw":["HTTP/3.0 200 OK\r\n\r\n"]}"#, .again("malformed")),
        Row(
            "the body has two ends",
            #"{"raw":["HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"]}"#,
            .again("both Content-Length and Transfer-Encoding")),
        Row(
            "the head is too long", #"{"raw":["HTTP/1.1 200 OK\r\nX: \#(long)\r\n\r\n"]}"#,
            .again("head of the message is longer")),
        Row(
            "it changes the protocol",
            #"{"raw":["HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"]}"#,
            .again("another protocol unasked")),
        Row("it speaks TLS", #"{"raw":["\u0015\u0003\u0001\u0000\u0002\u0002\u0016"]}"#, .again("speaks TLS")),
        Row("it wants nothing more", #"{"status":410}"#, .disabled),
        Row("it refuses", #"{"status":404}"#, .refused("HTTP 404")),
    ]

    @Test(arguments: rows) func `Each has its consequence, and the next delivery works`(row: Row) async throws {
        guard let receiver = try await WebhookReceiver.start() else { return }
        let sink = try sink(receiver.url) {
            $0.client.headTimeout = .milliseconds(Int64(row.timeout))
            $0.client.bodyTimeout = .milliseconds(Int64(row.timeout))
        }
        try receiver.plan(row.plan)
        let outcome = await deliver(sink, 1...1)
        #expect(row.expected.holds(for: outcome), "\(outcome)")
        try receiver.plan("{}")
        // More than once only where the sink is impatient for the sake of the test.
        try await eventually("the next one is delivered") { await deliver(sink, 2...2) == .delivered }
        await sink.close()
    }

    @Test(arguments: [
        ("429", "7", Duration.seconds(7)), ("503", "0", .zero),
        ("503", "Fri, 01 Jan 2100 00:00:00 GMT", .seconds(86_400)),
        ("503", "Sun, 06 Nov 1994 08:49:38 GMT", .zero), ("307", "5", .seconds(5)),
    ])
    func `The time that a receiver names is kept`(status: String, field: String, after: Duration) async throws {
        guard let receiver = try await WebhookReceiver.start() else { return }
        try receiver.plan(#"{"status":\#(status),"headers":{"Retry-After":"\#(field)"}}"#)
        let sink = try sink(receiver.url)
        guard case .retry(nil, let reason, let told) = await deliver(sink, 1...1) else {
            Issue.record("no retry")
            return
        }
        #expect(told == after && reason.contains("HTTP \(status)"))
        await sink.close()
    }

    @Test(arguments: [301, 302, 303, 307, 308])
    func `A redirect is never followed, and the receiver is asked again`(status: Int) async throws {
        guard let receiver = try await WebhookReceiver.start(), let other = try await WebhookReceiver.start() else {
            return
        }
        try receiver.plan(#"{"status":\#(status),"headers":{"Location":"\#(other.url)"}}"#)
        let sink = try sink(receiver.url)
        let outcome = await deliver(sink, 1...1)
        #expect(Expected.again("which is not followed").holds(for: outcome), "\(outcome)")
        #expect(!"\(outcome)".contains("key=1"), "a path may hold a secret")
        #expect(other.requests.isEmpty && receiver.requests.count == 1)
        await sink.close()
    }

    @Test func `A receiver that closes kept connections at any time gets every delivery`() async throws {
        guard let receiver = try await WebhookReceiver.start() else { return }
        let sink = try sink(receiver.url)
        try receiver.plan(#"{"raw":["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"],"close":true}"#)
        for seq in 1...60 as ClosedRange<Int64> { #expect(await deliver(sink, seq...seq) == .delivered) }
        let requests = receiver.requests
        #expect(Set(requests.map(\.id)).count == 60)
        #expect(Dictionary(grouping: requests, by: \.id).values.allSatisfy { Set($0.map(\.body)).count == 1 })
        await sink.close()
    }

    @Test func `A delivery that is cancelled before it begins ends at once`() async throws {
        guard let receiver = try await WebhookReceiver.start() else { return }
        try receiver.plan(#"{"raw":[]}"#)
        let sink = try sink(receiver.url) { $0.client.headTimeout = .minutes(10) }
        for seq in 1...200 as ClosedRange<Int64> {
            let delivery = Task { await deliver(sink, seq...seq) }
            delivery.cancel()
            guard case .retry = await delivery.value else {
                Issue.record("no retry")
                continue
            }
        }
        await sink.close()
    }
}
