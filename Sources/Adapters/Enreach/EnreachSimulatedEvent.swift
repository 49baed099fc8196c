import Codecs

/// One message of a simulated hub, as .NET writes it: keys in camelCase, nulls written, times without a zone.
struct EnreachSimulatedEvent: Sendable {
    let due: Timestamp
    /// Who has to be subscribed to hear it.
    let entity: UUID128
    let name: String
    /// The object of `data`.
    let data: String

    /// The one argument of `MessageReceived`.
    var argument: String {
        #"{"subscription":{"entityId":"\#(entity)","eventName":"\#(name.lowercased())"},"data":\#(data)}"#
    }
}

/// Members of a message in their order.
struct EnreachSimulatedData {
    private var text = "{"

    mutating func add(_ key: StaticString, _ value: String?) {
        begin(key)
        guard let value else { return text += "null" }
        var writer = ByteWriter(capacity: 64)
        writer.append(jsonString: value)
        text += String(decoding: writer.bytes, as: UTF8.self)
    }

    mutating func add(_ key: StaticString, _ value: UUID128?) { add(key, value?.description) }

    mutating func add(_ key: StaticString, _ value: Int) {
        begin(key)
        text += String(value)
    }

    mutating func add(_ key: StaticString, _ value: Bool) {
        begin(key)
        text += value ? "true" : "false"
    }

    /// Seven fractional digits and no zone, as a .NET hub writes a time of unspecified kind.
    mutating func add(_ key: StaticString, _ time: Timestamp) { add(key, String("\(time)".dropLast()) + "0") }

    mutating func add(_ key: StaticString, json: String) {
        begin(key)
        text += json
    }

    private mutating func begin(_ key: StaticString) {
        if text.utf8.count > 1 { text += "," }
        text += "\"\(key)\":"
    }

    var json: String { text + "}" }
}
