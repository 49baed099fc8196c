import Codecs
import NIOCore
import Synchronization
import Transport
import WireProtocols

/// The lines of a probe. What a peer sent is shown without characters that would move a terminal's cursor.
final class ProbeReport: Sendable {
    /// Of one message.
    private static let textBytes = 4096
    private static let binaryBytes = 64

    private let write: @Sendable (String) -> Void
    private let clock = ContinuousClock()
    private let started: ContinuousClock.Instant
    private let last: Mutex<ContinuousClock.Instant>

    init(_ write: @escaping @Sendable (String) -> Void) {
        self.write = write
        started = clock.now
        last = Mutex(started)
    }

    func line(_ text: String) { write(text) }

    /// A stage that is done, with the time since the one before it.
    func stage(_ name: String, _ words: String = "") {
        let now = clock.now
        let taken = last.withLock { last in
            defer { last = now }
            return now - last
        }
        let padding = String(repeating: " ", count: max(1, 11 - name.count))
        write(name + padding + Self.milliseconds(taken) + (words.isEmpty ? "" : "  \(Self.safe(words))"))
    }

    func stage(_ stage: ConnectionError.Stage, _ peer: TLSPeer?) {
        self.stage(
            stage.rawValue, peer.map { "\($0.version), \($0.cipher)\(Self.verification($0.verification))" } ?? "")
        guard let certificate = peer?.certificate else { return }
        let more = certificate.furtherNames > 0 ? " and \(certificate.furtherNames) more" : ""
        write("  subject  \(Self.safe(certificate.subject))")
        write("  issuer   \(Self.safe(certificate.issuer))")
        write("  names    \(Self.safe(certificate.names.joined(separator: ", ")))\(more)")
        write("  valid    \(certificate.notBefore) to \(certificate.notAfter)")
    }

    /// What a cookie holds lets others in, and is left out.
    func headers(_ headers: HTTPHeaders) {
        for field in headers.fields {
            let isSecret = field.name.lowercased() == "set-cookie"
            write("  \(Self.safe(field.name)): \(isSecret ? "(hidden)" : Self.safe(field.value))")
        }
    }

    /// A frame, `<` from the peer or `>` to it, with the time since the start.
    func frame(_ direction: String, _ kind: String, _ content: String) {
        let time = Self.milliseconds(clock.now - started)
        write("\(direction) \(time)  \(kind)" + (content.isEmpty ? "" : "  \(content)"))
    }

    func frame(_ direction: String, _ message: WebSocketMessage) {
        let count = message.bytes.readableBytes
        switch message {
        case .text(let bytes): frame(direction, "text \(count)", Self.text(bytes))
        case .binary(let bytes): frame(direction, "binary \(count)", Self.hex(bytes))
        }
    }

    func frame(_ control: WebSocketControlFrame) {
        switch control {
        case .ping(let bytes): frame("<", "ping \(bytes.readableBytes)", Self.hex(bytes))
        case .pong(let bytes): frame("<", "pong \(bytes.readableBytes)", Self.hex(bytes))
        case .close(let close): frame("<", "close", "\(close)")
        }
    }

    // MARK: - Words

    private static func verification(_ verification: TLSPeer.Verification) -> String {
        switch verification {
        case .verified: ", certificate verified"
        case .notRequested: ", no certificate asked for"
        case .failed(let words): ", certificate NOT verified: \(words)"
        }
    }

    /// `   12.345 ms`, to the microsecond.
    static func milliseconds(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let microseconds = seconds * 1_000_000 + attoseconds / 1_000_000_000_000
        let digits = "\(microseconds % 1000)"
        let number = "\(microseconds / 1000)." + String(repeating: "0", count: 3 - digits.count) + digits
        return String(repeating: " ", count: max(0, 9 - number.count)) + number + " ms"
    }

    /// The beginning of a text; line ends and other control characters as escapes.
    static func text(_ bytes: ByteBuffer) -> String {
        let shown = bytes.readableBytesView.prefix(textBytes)
        return safe(String(decoding: shown, as: UTF8.self)) + rest(bytes.readableBytes - shown.count)
    }

    static func hex(_ bytes: ByteBuffer) -> String {
        let shown = Array(bytes.readableBytesView.prefix(binaryBytes))
        return Hex.text(shown) + rest(bytes.readableBytes - shown.count)
    }

    private static func rest(_ count: Int) -> String { count > 0 ? " ... \(count) bytes more" : "" }

    static func safe(_ text: String) -> String {
        var safe = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": safe += "\\n"
            case "\r": safe += "\\r"
            case "\t": safe += "\\t"
            case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{202A}"..."\u{202E}", "\u{2066}"..."\u{2069}":
                safe += "\\u{\(String(scalar.value, radix: 16))}"
            default: safe.unicodeScalars.append(scalar)
            }
        }
        return safe
    }
}
