import Foundation

/// Lines of a file sink, and what is wrong with them as a whole.
public struct DeliveredLines: Sendable {
    public struct Line: Sendable {
        public let kind: String
        public let seq: Int
        public let id: String
        public let callID: String?
        public let callSeq: Int
        public let origin: String
        /// Of a gap.
        public let reason: String?
        public let closure: String?
        public let isLate: Bool
        /// The line itself.
        public let text: String
    }

    /// Whole lines, in their order; a last one that is not finished is left out.
    public let lines: [Line]
    /// What is wrong: numbers, ids, openers and ends.
    public let faults: [String]
    /// Calls that have no end yet.
    public let open: Set<String>

    public init(_ text: String) {
        var faults: [String] = []
        let whole = text.lastIndex(of: "\n").map { text[...$0] } ?? ""
        lines = whole.split(separator: "\n").compactMap { line in
            let parsed = Self.line(String(line))
            if parsed == nil { faults.append("no line: \(line.prefix(200))") }
            return parsed
        }
        var ids: Set<String> = []
        var next: [String: Int] = [:]
        var open: Set<String> = []
        for (index, line) in lines.enumerated() {
            if line.seq != index + 1 { faults.append("seq \(line.seq) at line \(index + 1)") }
            if !ids.insert(line.id).inserted { faults.append("id of line \(line.seq) came before") }
            guard let call = line.callID else { continue }
            if line.callSeq != next[call, default: 1] { faults.append("call.seq of line \(line.seq)") }
            next[call] = line.callSeq + 1
            let opens = line.kind == "call.offered" || line.kind == "call.dialing"
            if opens != (line.callSeq == 1) { faults.append("opener at line \(line.seq)") }
            if opens { open.insert(call) }
            if line.kind == "call.ended", open.remove(call) == nil { faults.append("second end at line \(line.seq)") }
        }
        (self.faults, self.open) = (faults, open)
    }

    public func count(_ kind: String) -> Int { lines.count { $0.kind == kind } }

    private static func line(_ text: String) -> Line? {
        guard let object = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] else {
            return nil
        }
        let call = object["call"] as? [String: Any]
        return Line(
            kind: object["kind"] as? String ?? "", seq: object["seq"] as? Int ?? 0, id: object["id"] as? String ?? "",
            callID: call?["id"] as? String, callSeq: call?["seq"] as? Int ?? 0,
            origin: object["origin"] as? String ?? "",
            reason: (object["gap"] as? [String: Any])?["reason"] as? String,
            closure: (object["outcome"] as? [String: Any])?["closure"] as? String,
            isLate: object["late"] as? Bool ?? false, text: text)
    }
}
