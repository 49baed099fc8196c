import BridgeCore
import Codecs

/// How a tenant is: what `status` shows.
struct TenantStatus: Sendable {
    struct Source: Sendable {
        let name: String
        let vendor: String
        let metrics: SourceMetrics
    }

    struct Sink: Sendable {
        let name: String
        let type: String
        let metrics: SinkMetrics
        /// Lines committed that the cursor has not passed, and since when the oldest of them waits.
        let backlog: Int64
        let backlogSince: Timestamp?
        let letters: [String: Int]
        /// Of a feed.
        var readers: (connected: Int, dropped: Int)?

        func waitedSeconds(now: Timestamp) -> Int64 {
            backlogSince.map { max(0, now.milliseconds(since: $0) / 1000) } ?? 0
        }
    }

    let tenant: String
    let process: Int32
    let startedAt: Timestamp
    let now: Timestamp
    let stream: UUID128
    let store: String
    let firstSeq: Int64
    let lastSeq: Int64
    let openCalls: Int
    let sources: [Source]
    let sinks: [Sink]

    /// One JSON object; the names are part of the interface.
    var json: [UInt8] {
        var out = ByteWriter()
        out.append("{")
        out.member("tenant", tenant)
        out.member("pid", Int64(process))
        out.member("started_at", startedAt)
        out.member("now", now)
        out.member("stream", "\(stream)")
        out.object("store") {
            $0.member("path", store)
            $0.member("first_seq", firstSeq)
            $0.member("last_seq", lastSeq)
        }
        out.member("open_calls", Int64(openCalls))
        out.array("sources", sources) { Self.write($1, to: &$0) }
        out.array("sinks", sinks) { Self.write($1, now: now, to: &$0) }
        out.append("}")
        return out.bytes
    }

    private static func write(_ source: Source, to out: inout ByteWriter) {
        out.member("name", source.name)
        out.member("vendor", source.vendor)
        let metrics = source.metrics
        let status = metrics.status.current
        out.member("state", status.phase.rawValue)
        out.flag("up", metrics.up.current == 1)
        out.member("received", Int64(metrics.received.current))
        out.member("acknowledged", Int64(metrics.acknowledged.current))
        out.member("unmapped", Int64(metrics.unmapped.current))
        out.member("connects", Int64(metrics.connects.current))
        out.member("disconnects", Int64(metrics.disconnects.current))
        out.member("backlog", Int64(metrics.backlog.current))
        if let subscriptions = status.subscriptions {
            out.object("subscriptions") {
                $0.member("wanted", Int64(subscriptions.wanted))
                $0.member("held", Int64(subscriptions.held))
                $0.member("refused", Int64(subscriptions.refused))
            }
        }
        if let heard = status.lastHeard { out.member("last_heard", heard) }
        if let expiry = status.tokenExpiresAt { out.member("token_expires_at", expiry) }
        out.failure(status.lastFailure.map { ComponentFailure(reason: $0.text, at: $0.at) })
    }

    private static func write(_ sink: Sink, now: Timestamp, to out: inout ByteWriter) {
        out.member("name", sink.name)
        out.member("type", sink.type)
        let metrics = sink.metrics
        out.member("state", metrics.state.rawValue)
        out.member("cursor", Int64(metrics.cursor.current))
        out.member("backlog_events", sink.backlog)
        out.member("backlog_seconds", sink.waitedSeconds(now: now))
        out.member("delivered", Int64(metrics.delivered.current))
        out.member("attempts", Int64(metrics.attempts.current))
        out.member("retries", Int64(metrics.retries.current))
        out.member("skipped", Int64(metrics.skipped.current))
        out.member("held", Int64(metrics.held.current))
        for state in ["dead", "parked", "retry"] {
            out.member(utf8: state == "dead" ? "dead_letters" : "\(state)_letters", Int64(sink.letters[state] ?? 0))
        }
        if let readers = sink.readers {
            out.member("readers", Int64(readers.connected))
            out.member("readers_dropped", Int64(readers.dropped))
        }
        out.failure(metrics.lastFailure)
    }
}

/// JSON members, a comma before each but the first of its object.
extension ByteWriter {
    fileprivate mutating func name(_ name: String) {
        if last != UInt8(ascii: "{") { append(",") }
        append(jsonString: name)
        append(":")
    }

    fileprivate mutating func member(utf8 name: String, _ value: Int64) {
        self.name(name)
        append(decimal: value)
    }

    fileprivate mutating func member(_ name: String, _ value: Int64) { member(utf8: name, value) }

    fileprivate mutating func member(_ name: String, _ value: String) {
        self.name(name)
        append(jsonString: value)
    }

    fileprivate mutating func member(_ name: String, _ value: Timestamp) { member(name, "\(value)") }

    fileprivate mutating func flag(_ name: String, _ value: Bool) {
        self.name(name)
        append(value ? "true" : "false")
    }

    fileprivate mutating func failure(_ failure: ComponentFailure?) {
        guard let failure else { return }
        object("last_error") {
            $0.member("reason", failure.reason)
            $0.member("at", failure.at)
        }
    }

    fileprivate mutating func object(_ name: String, _ write: (inout ByteWriter) -> Void) {
        self.name(name)
        append("{")
        write(&self)
        append("}")
    }

    fileprivate mutating func array<Element>(
        _ name: String, _ elements: [Element], _ write: (inout ByteWriter, Element) -> Void
    ) {
        self.name(name)
        append("[")
        for (index, element) in elements.enumerated() {
            if index > 0 { append(",") }
            append("{")
            write(&self, element)
            append("}")
        }
        append("]")
    }
}
