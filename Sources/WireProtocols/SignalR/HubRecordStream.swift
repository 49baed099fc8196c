import Codecs
import NIOCore

/// What both ends of a hub connection share: records in, records out, and when each last happened.
struct HubRecordStream: ~Copyable {
    enum Incoming {
        case message(HubMessage)
        case unreadable(ByteBuffer, HubRecordError)
    }

    let limits: HubLimits
    private let frames: HubFrames
    private let reader: HubMessageReader
    private var splitter: HubRecordSplitter
    private var writer = ByteWriter(capacity: 512)
    private var output = CircularBuffer<WebSocketMessage>()
    private var unreadableInRow = 0
    private(set) var counts = HubCounts()
    private(set) var lastReceived: NIODeadline
    private(set) var lastSent: NIODeadline

    init(limits: HubLimits, frames: HubFrames, now: NIODeadline) {
        (self.limits, self.frames) = (limits, frames)
        reader = HubMessageReader(limits: limits)
        splitter = HubRecordSplitter(limitBytes: limits.recordBytes)
        (lastReceived, lastSent) = (now, now)
    }

    // MARK: - In

    mutating func receive(_ bytes: ByteBuffer, now: NIODeadline) {
        lastReceived = now
        splitter.receive(bytes)
    }

    /// Silence is counted from now on.
    mutating func restartSilence(now: NIODeadline) { lastReceived = now }

    /// The next record as it is, for handshakes.
    mutating func nextObject() throws(HubError) -> JSONValue? {
        guard let record = try splitter.next() else { return nil }
        do throws(HubRecordError) { return try reader.object(record) } catch { throw .notHandshake("\(error)") }
    }

    /// The next message. What is not meant for this end is counted and left out.
    mutating func next() throws(HubError) -> Incoming? {
        guard let record = try splitter.next() else { return nil }
        counts.received &+= 1
        do throws(HubRecordError) {
            let message = try reader.read(record)
            unreadableInRow = 0
            return .message(message)
        } catch {
            counts.unreadable &+= 1
            // A message with a faulty member is one all the same: not understood, and no sign that this is no hub.
            unreadableInRow = error.isMessage ? 0 : unreadableInRow + 1
            guard unreadableInRow < limits.unreadableInRow else { throw .unreadable(count: unreadableInRow) }
            return .unreadable(record, error)
        }
    }

    mutating func ignored() { counts.ignored &+= 1 }
    mutating func unmatched() { counts.unmatched &+= 1 }

    // MARK: - Out

    mutating func nextOutput() -> WebSocketMessage? { output.popFirst() }

    mutating func send(_ record: StaticString, now: NIODeadline) {
        writer.removeAll()
        writer.append(record)
        finish(now: now)
    }

    mutating func sendPing(now: NIODeadline) { send(#"{"type":6}"#, now: now) }

    mutating func sendInvocation(
        id: String?, target: String, arguments: [UInt8], now: NIODeadline
    ) throws(HubUsageError) {
        guard arguments.first == UInt8(ascii: "["), arguments.last == UInt8(ascii: "]"),
            !arguments.contains(HubRecordSplitter.separator)
        else { throw .notJSON }
        writer.removeAll()
        writer.append(#"{"type":1"#)
        if let id { append("invocationId", id) }
        append("target", target)
        writer.append(#","arguments":"#)
        writer.append(arguments)
        try finishObject(now: now)
    }

    /// Bytes of a record of `sendInvocation` beside its arguments.
    static func invocationBytes(id: String?, target: String) -> Int {
        var writer = ByteWriter()
        writer.append(jsonString: target)
        let idBytes = id.map { #","invocationId":"""#.utf8.count + $0.utf8.count } ?? 0
        return #"{"type":1,"target":,"arguments":}"#.utf8.count + idBytes + writer.count + 1
    }

    mutating func sendCompletion(id: String, _ answer: HubAnswer, now: NIODeadline) throws(HubUsageError) {
        writer.removeAll()
        writer.append(#"{"type":3"#)
        append("invocationId", id)
        switch answer {
        case .value(let json):
            guard !json.isEmpty, !json.contains(HubRecordSplitter.separator) else { throw .notJSON }
            writer.append(#","result":"#)
            writer.append(json)
        case .void: break
        case .error(let text): append("error", text)
        }
        try finishObject(now: now)
    }

    /// Answers what nobody here does: else its caller waits for ever. `end`: which one this is.
    mutating func decline(_ invocation: HubInvocation, as end: StaticString, now: NIODeadline) {
        guard let id = invocation.id else { return }
        let text = "The \(end) has no method '\(invocation.target.prefix(80))' that gives what is asked for."
        // An id so long that no answer fits in a record is the caller's own trouble.
        do throws(HubUsageError) { try sendCompletion(id: id, .error(text), now: now) } catch { ignored() }
    }

    mutating func sendClose(_ close: HubClose, now: NIODeadline) {
        writer.removeAll()
        writer.append(#"{"type":7"#)
        if let error = close.error { append("error", error) }
        if close.allowsReconnect { writer.append(#","allowReconnect":true"#) }
        writer.append("}")
        finish(now: now)
    }

    mutating func sendHandshakeResponse(error: String?, now: NIODeadline) {
        writer.removeAll()
        writer.append("{")
        if let error {
            writer.append(#""error":"#)
            writer.append(jsonString: error)
        }
        writer.append("}")
        finish(now: now)
    }

    private mutating func append(_ name: StaticString, _ text: String) {
        writer.append(",\"")
        writer.append(name)
        writer.append("\":")
        writer.append(jsonString: text)
    }

    private mutating func finishObject(now: NIODeadline) throws(HubUsageError) {
        writer.append("}")
        let bytes = writer.count + 1
        guard bytes <= limits.sentRecordBytes else {
            throw .recordTooLong(bytes: bytes, limitBytes: limits.sentRecordBytes)
        }
        finish(now: now)
    }

    /// One record is one message: there are servers that do not look for a second one.
    private mutating func finish(now: NIODeadline) {
        writer.append(HubRecordSplitter.separator)
        let record = writer.withBytes { ByteBuffer(bytes: $0) }
        output.append(frames == .text ? .text(record) : .binary(record))
        lastSent = now
    }
}
