import BridgeCore
import Codecs

/// What `/metrics` shows. The names are part of the interface: docs/operations.md.
extension TenantStatus {
    private typealias Label = PrometheusText.Label

    var prometheus: [UInt8] {
        var text = PrometheusText()
        let labels = [Label("tenant", tenant)]
        func gauge(_ name: String, _ help: String, _ value: Int64) {
            text.add("ctibridge_\(name)", .gauge, help, labels, value)
        }
        gauge("start_time_seconds", "When the tenant was started, since 1970.", startedAt.microseconds / 1_000_000)
        gauge("open_calls", "Calls that have not ended.", Int64(openCalls))
        gauge("store_first_seq", "The oldest stored line.", firstSeq)
        gauge("store_last_seq", "The newest stored line.", lastSeq)
        for source in sources { source.add(to: &text, tenant: tenant) }
        for sink in sinks { sink.add(to: &text, tenant: tenant, now: now) }
        return text.bytes
    }
}

extension TenantStatus.Source {
    fileprivate func add(to text: inout PrometheusText, tenant: String) {
        let labels = [
            PrometheusText.Label("tenant", tenant), PrometheusText.Label("source", name),
            PrometheusText.Label("vendor", vendor),
        ]
        func counter(_ name: String, _ help: String, _ counter: Counter) {
            text.add("ctibridge_source_\(name)_total", .counter, help, labels, Int64(counter.current))
        }
        func gauge(_ name: String, _ help: String, _ value: Int64) {
            text.add("ctibridge_source_\(name)", .gauge, help, labels, value)
        }
        func family(_ name: String, by label: String, _ help: String, _ family: CounterFamily) {
            for (word, count) in family.current.sorted(by: { $0.key < $1.key }) {
                let labels = labels + [PrometheusText.Label(label, word)]
                text.add("ctibridge_source_\(name)_total", .counter, help, labels, Int64(count))
            }
        }
        counter("received", "Vendor messages taken in, understood or not.", metrics.received)
        counter("unmapped", "Messages that became source.unmapped.", metrics.unmapped)
        counter("acknowledged", "Messages that were handed back to the vendor as taken.", metrics.acknowledged)
        counter("connects", "Connection attempts.", metrics.connects)
        counter("disconnects", "Links lost.", metrics.disconnects)
        counter("stolen", "Acknowledgements of elements that another consumer took.", metrics.stolen)
        counter("pings_missed", "Heartbeats that the peer did not answer in time.", metrics.pingsMissed)
        family("refusals", by: "cause", "Attempts that the vendor refused.", metrics.refusals)
        family("events", by: "event", "Messages by the vendor's kind of event.", metrics.events)
        family("dropped", by: "reason", "What was passed over, or left out of lines.", metrics.dropped)
        gauge("backlog", "Elements waiting at the vendor, as last seen.", Int64(metrics.backlog.current))
        gauge("up", "1 while the link is up.", Int64(metrics.up.current))
        gauge(
            "last_event_timestamp_seconds", "When the vendor last told something of a call, since 1970; 0: never.",
            Int64(metrics.lastEvent.current))
        let phase = metrics.status.current.phase
        for state in SourceStatus.Phase.allCases {
            text.add(
                "ctibridge_source_state", .gauge, "1 for the state that the source is in.",
                labels + [PrometheusText.Label("state", state.rawValue)], state == phase ? 1 : 0)
        }
        guard let subscriptions = metrics.status.current.subscriptions else { return }
        gauge("subscriptions_wanted", "Subscriptions asked for.", Int64(subscriptions.wanted))
        gauge("subscriptions_held", "Subscriptions granted.", Int64(subscriptions.held))
        gauge("subscriptions_refused", "Subscriptions refused.", Int64(subscriptions.refused))
    }
}

extension TenantStatus.Sink {
    fileprivate func add(to text: inout PrometheusText, tenant: String, now: Timestamp) {
        let labels = [
            PrometheusText.Label("tenant", tenant), PrometheusText.Label("sink", name),
            PrometheusText.Label("type", type),
        ]
        func counter(_ name: String, _ help: String, _ counter: Counter) {
            text.add("ctibridge_sink_\(name)_total", .counter, help, labels, Int64(counter.current))
        }
        func gauge(_ name: String, _ help: String, _ value: Int64) {
            text.add("ctibridge_sink_\(name)", .gauge, help, labels, value)
        }
        counter("delivered", "Lines that arrived.", metrics.delivered)
        counter("attempts", "Deliveries begun.", metrics.attempts)
        counter("retries", "Deliveries that failed, and other things that were tried again.", metrics.retries)
        counter("skipped", "Live events that had grown too old.", metrics.skipped)
        counter("dead_letters", "Lines that became dead letters in this run.", metrics.deadLetters)
        gauge("parked", "Lines that are kept as letters and tried further.", Int64(metrics.parked.current))
        gauge("held", "Lines in memory, on their way or waiting.", Int64(metrics.held.current))
        gauge("cursor", "The last line of the store that is dealt with.", Int64(metrics.cursor.current))
        gauge("up", "1 while the sink is open and takes lines.", Int64(metrics.up.current))
        gauge("backlog_events", "Stored lines that the cursor has not passed.", backlog)
        gauge("backlog_seconds", "How long the oldest of them has waited.", waitedSeconds(now: now))
        for state in ["dead", "parked", "retry"] {
            text.add(
                "ctibridge_sink_letters", .gauge, "Lines kept in the store, by what becomes of them.",
                labels + [PrometheusText.Label("state", state)], Int64(letters[state] ?? 0))
        }
        let current = metrics.state
        for state in SinkMetrics.State.allCases {
            text.add(
                "ctibridge_sink_state", .gauge, "1 for the state that the sink is in.",
                labels + [PrometheusText.Label("state", state.rawValue)], state == current ? 1 : 0)
        }
        guard let readers else { return }
        gauge("readers", "Readers of the feed that are connected.", Int64(readers.connected))
        text.add(
            "ctibridge_sink_readers_dropped_total", .counter, "Readers that were let go since they did not read.",
            labels, Int64(readers.dropped))
    }
}
