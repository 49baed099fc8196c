import BridgeCore

/// What has become of the lines of one delivery to a program, without the program.
///
/// Without acknowledgement it is over when every line is in the pipe. With it, when every line is answered, in order: also after
/// a refusal, so that no answer is left for the next delivery. Lines behind a refused one come again.
struct ExecDelivery {
    private let seqs: [Int64]
    /// Of each line, where answers are waited for; nil for a line of another form than ours.
    private let ids: [String?]?
    private var written = 0
    private var answered = 0
    private var refusal: (line: Int, reason: String, isFinal: Bool)?

    init(_ batch: DeliveryBatch, acknowledges: Bool) {
        seqs = batch.seqs
        ids = acknowledges ? Self.ids(batch) : nil
    }

    private static func ids(_ batch: DeliveryBatch) -> [String?] {
        batch.bytes.withUnsafeBytes { bytes in
            (0..<batch.count).map { index in
                let line = UnsafeRawBufferPointer(rebasing: bytes[batch.range(ofLine: index)])
                return LineHead.id(of: line).map { String(decoding: line[$0], as: UTF8.self) }
            }
        }
    }

    /// The pipe has taken one more line.
    mutating func wrote() { written += 1 }

    /// A line that the program wrote.
    mutating func received(_ line: LineSplitter.Line) throws(ExecAnswerFault) {
        let shown = Self.shown(line)
        guard let ids, answered < ids.count else {
            throw ExecAnswerFault(description: "answered \(shown) though nothing was left to answer")
        }
        guard let answer = ExecAnswer(line), ids[answered].map({ $0 == answer.id }) ?? true else {
            let wanted = ids[answered] ?? "ID"
            throw ExecAnswerFault(
                description: "answered \(shown), where \(wanted), retry \(wanted) or reject \(wanted) was expected")
        }
        switch answer {
        case .taken: break
        case .retry(_, let reason): refuse(reason, isFinal: false)
        case .rejected(_, let reason): refuse(reason, isFinal: true)
        }
        answered += 1
    }

    private mutating func refuse(_ reason: String, isFinal: Bool) {
        if refusal == nil { refusal = (answered, reason, isFinal) }
    }

    /// Once it is over.
    var outcome: DeliveryOutcome? {
        guard (ids == nil ? written : answered) == seqs.count else { return nil }
        return refused ?? .delivered
    }

    /// It cannot go on.
    func interrupted(_ reason: String, after: Duration?) -> DeliveryOutcome {
        // Without answers nobody knows how far the program had read.
        refused ?? .retry(through: seq(before: answered), reason: reason, after: after)
    }

    private var refused: DeliveryOutcome? {
        refusal.map { refusal in
            let through = seq(before: refusal.line)
            return refusal.isFinal
                ? .rejected(through: through, reason: refusal.reason) : .retry(through: through, reason: refusal.reason)
        }
    }

    private func seq(before line: Int) -> Int64? { line > 0 ? seqs[line - 1] : nil }

    private static func shown(_ line: LineSplitter.Line) -> String {
        line.bytes.isEmpty ? "an empty line" : "'\(line.text.prefix(80))\(line.isCut ? "…" : "")'"
    }
}
