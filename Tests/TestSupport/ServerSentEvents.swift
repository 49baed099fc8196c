/// One event of an event stream as WHATWG HTML, section 9.2.6, reads it.
public struct ServerSentEvent: Sendable, Equatable {
    public var id: String?
    public var event: String
    public var data: String

    public init(id: String? = nil, event: String = "message", data: String) {
        (self.id, self.event, self.data) = (id, event, data)
    }

    /// The whole events of `text`: what is not ended by an empty line is none, nor is one without data. Every line must be one
    /// that our feeds send.
    public static func parse(_ text: String) -> [ServerSentEvent] {
        var events: [ServerSentEvent] = []
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        // Behind the last line end: nothing, or a piece of a line.
        lines.removeLast()
        var next = ServerSentEvent(data: "")
        for line in lines {
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let value = parts.count > 1 ? String(parts[1].drop { $0 == " " }) : ""
            switch parts[0] {
            case "" where line.isEmpty:
                if !next.data.isEmpty { events.append(next) }
                next = ServerSentEvent(data: "")
            case "id": next.id = value
            case "event": next.event = value
            case "data": next.data += next.data.isEmpty ? value : "\n" + value
            case "", "retry": break
            default: events.append(ServerSentEvent(event: "BROKEN", data: String(line)))
            }
        }
        return events
    }

    /// The `id` as a number; -1 for an event without one.
    public var seq: Int64 { id.flatMap { Int64($0) } ?? -1 }
}
