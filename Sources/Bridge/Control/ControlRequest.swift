import Codecs
import Store

/// What a command asks the running service for: one JSON object on one line.
enum ControlRequest: Sendable, Equatable {
    case status
    case retry(sink: String, LetterSelection)
    case purge(sink: String, LetterSelection)
    case replay(sink: String, since: Timestamp?, until: Timestamp?, call: String?)

    /// Longest line that is read.
    static let maximumBytes = 1 << 20

    init?(_ line: [UInt8]) {
        guard let root = try? JSONDocument(line, limits: JSONLimits(bytes: Self.maximumBytes, depth: 2)).root,
            let order = root["do"]?.string
        else { return nil }
        let sink = root["sink"]?.string
        switch (order, sink) {
        case ("status", _): self = .status
        case ("retry", let sink?): self = .retry(sink: sink, Self.selection(root))
        case ("purge", let sink?): self = .purge(sink: sink, Self.selection(root))
        case ("replay", let sink?):
            func time(_ value: JSONValue?) -> Timestamp? { value?.string.flatMap { Timestamp($0) } }
            self = .replay(
                sink: sink, since: time(root["since"]), until: time(root["until"]), call: root["call"]?.string)
        default: return nil
        }
    }

    private static func selection(_ root: JSONValue) -> LetterSelection {
        guard let seqs = root["seqs"] else { return .all }
        return .seqs(seqs.elements.compactMap { $0.numberText.flatMap { Int64($0) } })
    }

    var line: [UInt8] {
        var writer = ByteWriter()
        switch self {
        case .status: writer.append(#"{"do":"status"}"#)
        case .retry(let sink, let selection): Self.write("retry", sink, selection, to: &writer)
        case .purge(let sink, let selection): Self.write("purge", sink, selection, to: &writer)
        case .replay(let sink, let since, let until, let call):
            writer.append(#"{"do":"replay","sink":"#)
            writer.append(jsonString: sink)
            for (name, time) in [("since", since), ("until", until)] {
                guard let time else { continue }
                writer.append(utf8: ",\"\(name)\":\"\(time)\"")
            }
            if let call {
                writer.append(",\"call\":")
                writer.append(jsonString: call)
            }
            writer.append("}")
        }
        writer.append("\n")
        return writer.bytes
    }

    private static func write(
        _ order: StaticString, _ sink: String, _ selection: LetterSelection, to writer: inout ByteWriter
    ) {
        writer.append("{\"do\":\"")
        writer.append(order)
        writer.append("\",\"sink\":")
        writer.append(jsonString: sink)
        if case .seqs(let seqs) = selection {
            writer.append(utf8: ",\"seqs\":[\(seqs.map(String.init).joined(separator: ","))]")
        }
        writer.append("}")
    }
}

/// What it answers: one JSON object on one line; `error` in it says why not.
enum ControlAnswer {
    static func retrying(_ count: Int) -> [UInt8] { Array(#"{"retrying":\#(count)}"#.utf8) }

    static func purged(_ counts: (purged: Int, left: Int)) -> [UInt8] {
        Array(#"{"purged":\#(counts.purged),"dead_letters":\#(counts.left)}"#.utf8)
    }

    static func replay(_ replay: StoredReplay) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(utf8: #"{"from_seq":\#(replay.next),"through_seq":\#(replay.through)}"#)
        return writer.bytes
    }

    static func error(_ text: String) -> [UInt8] {
        var writer = ByteWriter()
        writer.append("{\"error\":")
        writer.append(jsonString: text)
        writer.append("}")
        return writer.bytes
    }
}
