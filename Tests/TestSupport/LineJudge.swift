import Foundation

/// Reads the JSON lines that a bridge delivered and compares them with what a producer sent: lost, unknown and repeated
/// events, and the promises to the consumer (model, section 7.9). Knows lines only, nothing of the bridge's code.
///
/// A line may come again as long as it is byte for byte the same; the promises are judged without such repeats.
public struct LineJudge {
    /// What one call has told so far.
    private struct Call {
        var sequence = 0
        var hasEnded = false
        var owesAbandonedEnd = false
        var lastOccurred = ""
    }

    /// Events that came for the first time.
    public private(set) var events = 0
    /// Lines that came before, byte for byte.
    public private(set) var repeats = 0
    /// Everything that must not be, in words; the first hundred.
    public private(set) var faults: [String] = []
    public private(set) var faultCount = 0
    /// Bytes after the last newline.
    public private(set) var unfinished: [UInt8] = []

    private var offset: UInt64 = 0
    private var lines: [String: Int] = [:]
    private var calls: [String: Call] = [:]
    private var sequences: [String: Int] = [:]
    private var owed: [String: Set<String>] = [:]
    private var known: Set<String> = []

    public init() {}

    // MARK: What was sent

    /// The producer sent `element`: an opener and these kinds are owed for its call.
    public mutating func expect(_ element: TeleforgeElements.Element, kinds: Set<String>) {
        known.insert(element.callReference)
        owed[element.callReference, default: []].formUnion(kinds)
    }

    /// Kinds owed for an inbound notification, beside the opener.
    public static let inboundKinds: Set<String> = ["call.answered"]
    /// Kinds owed for a record of a call that was never heard of before.
    public static let recordKinds: Set<String> = ["call.ended", "call.record"]

    // MARK: What came

    /// Reads what was appended to `path` since the last time. A file that became shorter lost its unfinished last line.
    public mutating func read(_ path: String) throws {
        guard let file = FileHandle(forReadingAtPath: path) else { return }
        defer { try? file.close() }
        let size = try file.seekToEnd()
        if size < offset {
            offset -= UInt64(unfinished.count)
            unfinished = []
            guard size >= offset else { return fault("the file became shorter: \(offset) bytes read, \(size) left") }
        }
        try file.seek(toOffset: offset)
        while let chunk = try file.read(upToCount: 1 << 20), !chunk.isEmpty {
            offset += UInt64(chunk.count)
            take(Array(chunk))
        }
    }

    /// Reads a second file from its beginning: another place that got the same events.
    public mutating func read(_ path: String, from start: UInt64) throws {
        (offset, unfinished) = (start, [])
        try read(path)
    }

    /// Takes delivered bytes, cut anywhere.
    public mutating func take(_ bytes: [UInt8]) {
        unfinished += bytes
        var start = 0
        while let end = unfinished[start...].firstIndex(of: 10) {
            take(line: Data(unfinished[start..<end]))
            start = end + 1
        }
        unfinished.removeFirst(start)
    }

    /// Forgets the beginning of a line: its writer was killed, and the reader of a pipe cannot take bytes back.
    public mutating func dropUnfinished() { unfinished = [] }

    // MARK: The judgement

    /// Calls of which something owed has not come.
    public var lost: [String] { owed.keys.sorted() }
    public var isComplete: Bool { owed.isEmpty }

    /// One line with all the figures.
    public var summary: String {
        let missing = lost
        return "\(known.count) calls sent, \(events) events, \(missing.count) calls incomplete"
            + (missing.isEmpty ? "" : " (\(missing.prefix(3).joined(separator: " ")) …)")
            + ", \(repeats) lines redelivered, \(faultCount) faults"
            + (faults.isEmpty ? "" : ": " + faults.prefix(5).joined(separator: " | "))
    }

    private mutating func fault(_ text: String) {
        faultCount += 1
        if faults.count < 100 { faults.append(text) }
    }

    private mutating func take(line: Data) {
        guard let object = try? JSONSerialization.jsonObject(with: line) as? [String: Any],
            let id = object["id"] as? String, let kind = object["kind"] as? String,
            let stream = object["stream"] as? String, let sequence = object["seq"] as? Int
        else { return fault("not an event: \(String(decoding: line.prefix(120), as: UTF8.self))") }
        // Data's own hash looks at the first bytes only.
        var hasher = Hasher()
        line.withUnsafeBytes { hasher.combine(bytes: $0) }
        let hash = hasher.finalize()
        if let earlier = lines[id] {
            if earlier == hash { repeats += 1 } else { fault("id \(id) came twice with different bytes") }
            return
        }
        lines[id] = hash
        events += 1
        if let last = sequences[stream], sequence != last + 1 { fault("seq \(sequence) follows \(last) in \(stream)") }
        sequences[stream] = sequence
        if let call = object["call"] as? [String: Any] { judge(kind, call, object) }
    }

    private mutating func judge(_ kind: String, _ block: [String: Any], _ object: [String: Any]) {
        guard let id = block["id"] as? String, let sequence = block["seq"] as? Int,
            let occurred = object["occurred_at"] as? String
        else { return fault("\(kind) without call.id, call.seq or occurred_at") }
        let reference = (object["refs"] as? [String: Any])?["vendor_call_id"] as? String ?? ""
        if !known.contains(reference) { fault("\(kind) of an unknown call \(id)") }
        owed[reference]?.remove(kind)
        if owed[reference]?.isEmpty == true { owed[reference] = nil }

        var call = calls[id] ?? Call()
        defer { calls[id] = call }
        let isOpener = kind == "call.offered" || kind == "call.dialing"
        let isLate = object["late"] as? Bool == true
        if sequence != call.sequence + 1 { fault("call.seq \(sequence) follows \(call.sequence) in \(id)") }
        if isOpener != (sequence == 1) { fault("\(kind) is number \(sequence) of \(id)") }
        if call.hasEnded, !["call.record", "call.missed"].contains(kind), !isLate {
            fault("\(kind) after the end of \(id)")
        }
        if call.owesAbandonedEnd, kind != "call.ended" { fault("\(kind) after call.abandoned of \(id)") }
        if occurred < call.lastOccurred, !isLate, !(isOpener && object["origin"] as? String == "synthetic") {
            fault("\(kind) of \(id) goes back in time")
        }
        if kind == "call.ended" {
            let disposition = (object["outcome"] as? [String: Any])?["disposition"] as? String
            if call.owesAbandonedEnd, disposition != "abandoned" { fault("\(id) was abandoned and ended otherwise") }
            call.hasEnded = true
        }
        call.owesAbandonedEnd = kind == "call.abandoned"
        call.sequence = sequence
        call.lastOccurred = max(call.lastOccurred, occurred)
    }
}
