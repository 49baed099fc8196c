import Codecs

/// The one line that a reader may send: `?since=SEQ`, with `token=…` where one is wanted, and `stream=…`.
struct SocketRequest: Equatable {
    static let maximumBytes = 1024

    /// The last line that the reader has; nil: live lines only.
    var since: Int64?
    /// The stream that `since` belongs to; nil: the present one.
    var stream: UUID128?
    var token: [UInt8]?

    /// Why a line is no request.
    struct Fault: Error, Equatable {
        let reason: String
    }

    init(since: Int64? = nil, stream: UUID128? = nil, token: [UInt8]? = nil) {
        (self.since, self.stream, self.token) = (since, stream, token)
    }

    init(_ line: LineSplitter.Line) throws(Fault) {
        guard !line.isCut else { throw Fault(reason: "a request has at most \(Self.maximumBytes) bytes") }
        let text = line.text
        for pair in (text.hasPrefix("?") ? text.dropFirst() : text[...]).split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count == 2 ? parts[1] : ""
            switch parts[0] {
            case "since":
                guard !value.isEmpty, value.allSatisfy(\.isASCII), let seq = Int64(value),
                    (0...1 << 53).contains(seq)
                else {
                    throw Fault(reason: "since= takes the seq of a line")
                }
                since = seq
            case "stream":
                guard let id = UUID128(String(value)) else { throw Fault(reason: "stream= takes the stream of a line") }
                stream = id
            case "token": token = Array(value.utf8)
            default: throw Fault(reason: "a request is ?since=SEQ, with &token=… and &stream=… where needed")
            }
        }
    }
}

/// What a reader is told that is no event: a line that begins with `{"notice":`.
enum SocketNotice {
    /// It did not read as fast as lines came; `seq`: the last one that it was given.
    case dropped(seq: Int64)
    case refused(reason: String)

    var line: [UInt8] {
        var writer = ByteWriter(capacity: 128)
        switch self {
        case .dropped(let seq):
            writer.append(#"{"notice":"dropped","reason":"slow reader","seq":"#)
            writer.append(decimal: seq)
        case .refused(let reason):
            writer.append(#"{"notice":"refused","reason":"#)
            writer.append(jsonString: reason)
        }
        writer.append("}\n")
        return writer.bytes
    }
}
