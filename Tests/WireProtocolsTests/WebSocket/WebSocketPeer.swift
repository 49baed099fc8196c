import NIOCore
import TestSupport
import WireProtocols

/// A session and what came out of it, for tests.
final class WebSocketPeer {
    static let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    private var session: WebSocketSession
    var now = start
    /// What it told, in words.
    var seen: [String] = []

    init(
        _ role: WebSocketRole, compression: PerMessageDeflateAgreement? = nil,
        _ configuration: PerMessageDeflateConfiguration? = nil, limits: WebSocketLimits = WebSocketLimits(),
        keepAlive: WebSocketKeepAlive = WebSocketKeepAlive(pingInterval: nil, receiveTimeout: nil), seed: UInt64 = 1
    ) {
        session = WebSocketSession(
            role: role, opening: WebSocketOpening(headers: [:], subprotocol: nil, compression: compression),
            compression: configuration, limits: limits, keepAlive: keepAlive, random: SeededGenerator(seed: seed),
            now: Self.start)
    }

    var isOpen: Bool { session.isOpen }
    var closesSocket: Bool { session.closesSocket }
    var outputBytes: Int { session.outputBytes }
    var roundTrip: TimeAmount? { session.roundTrip }
    /// From the start; nil when there is none.
    var deadline: TimeAmount? { session.nextDeadline.map { $0 - Self.start } }

    func feed(_ bytes: [UInt8]) {
        session.receive(ByteBuffer(bytes: bytes), now: now)
        pull()
    }

    func send(_ text: String) { send(.text(text)) }

    func send(_ message: WebSocketMessage) {
        session.send(message, now: now)
        pull()
    }

    func close(_ code: WebSocketCloseCode? = .normal, _ reason: String = "") {
        session.close(WebSocketClose(code: code, reason: reason), now: now)
        pull()
    }

    func advance(_ time: TimeAmount) {
        now = Self.start + time
        session.deadlineReached(now: now)
        pull()
    }

    func setReceiving(_ isReceiving: Bool) { session.setReceiving(isReceiving, now: now) }

    func cut() {
        session.connectionClosed()
        pull()
    }

    /// What it wrote since the last call.
    func takeSent() -> [UInt8] {
        session.takeOutput().map { Array($0.readableBytesView) } ?? []
    }

    /// What it told since the last call.
    func takeSeen() -> [String] {
        defer { seen = [] }
        return seen
    }

    private func pull() {
        while let event = session.nextEvent(now: now) { seen.append(Self.words(event)) }
    }

    private static func words(_ event: WebSocketSession.Event) -> String {
        switch event {
        case .message(.text(let bytes)): "text \(String(buffer: bytes))"
        case .message(.binary(let bytes)): "binary \(hex(bytes.readableBytesView))"
        case .control(.ping(let bytes)): "ping \(String(buffer: bytes))"
        case .control(.pong(let bytes)): "pong \(String(buffer: bytes))"
        case .control(.close(let close)): "close \(close)"
        case .closed(let close): "closed \(close)"
        case .failed(let error): "failed \(error)"
        }
    }
}

func hex(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
}

func unhex(_ text: String) -> [UInt8] { text.split(separator: " ").compactMap { UInt8($0, radix: 16) } }

/// One frame, right or wrong, as a test wants it.
func frame(
    _ first: UInt8, _ payload: [UInt8] = [], key: [UInt8]? = nil, length: Int? = nil, form: Int? = nil
) -> [UInt8] {
    let count = length ?? payload.count
    let mask: UInt8 = key == nil ? 0 : 0x80
    var bytes = [first]
    switch form ?? (count < 126 ? 1 : count < 65_536 ? 2 : 8) {
    case 1: bytes.append(mask | UInt8(count))
    case 2: bytes += [mask | 126, UInt8(count >> 8 & 0xFF), UInt8(count & 0xFF)]
    default: bytes += [mask | 127] + (0..<8).reversed().map { UInt8(truncatingIfNeeded: count >> ($0 * 8)) }
    }
    guard let key else { return bytes + payload }
    return bytes + key + payload.enumerated().map { $1 ^ key[$0 % 4] }
}
