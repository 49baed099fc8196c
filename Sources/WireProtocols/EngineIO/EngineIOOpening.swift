import Codecs
import NIOCore

/// What an open packet says: who we are to the server, and how a silent peer is noticed.
public struct EngineIOOpening: Equatable, Sendable {
    /// Visible ASCII, 1 to 128 bytes.
    public var sid: String
    /// Transports that a polling session may go over to; empty on a WebSocket.
    public var upgrades: [String]
    /// 1 ms to a day, both.
    public var pingInterval: TimeAmount
    public var pingTimeout: TimeAmount
    /// What the server takes at most in one message; nil: it does not say.
    public var maximumPayloadBytes: Int?

    private static let longest = 86_400_000 as Int64

    public init(
        sid: String, upgrades: [String] = [], pingInterval: TimeAmount, pingTimeout: TimeAmount,
        maximumPayloadBytes: Int? = nil
    ) {
        (self.sid, self.upgrades, self.maximumPayloadBytes) = (sid, upgrades, maximumPayloadBytes)
        (self.pingInterval, self.pingTimeout) = (pingInterval, pingTimeout)
    }

    /// From the data of an open packet.
    public init(_ data: ByteBuffer, limits: JSONLimits = JSONLimits(bytes: 64 << 10)) throws(EngineIOViolation) {
        let document = try Self.document(data, limits)
        guard document.root.kind == .object else { throw .badOpening("it is no JSON object") }
        guard let sid = document.root["sid"]?.string, (1...128).contains(sid.utf8.count),
            sid.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { throw .badOpening("sid is no text of 1 to 128 visible characters") }
        self.sid = sid
        upgrades = document.root["upgrades"]?.elements.prefix(8).compactMap(\.string) ?? []
        pingInterval = try Self.time(document.root["pingInterval"], "pingInterval")
        pingTimeout = try Self.time(document.root["pingTimeout"], "pingTimeout")
        maximumPayloadBytes = document.root["maxPayload"].flatMap(Self.whole).flatMap { $0 > 0 ? Int($0) : nil }
    }

    private static func document(_ data: ByteBuffer, _ limits: JSONLimits) throws(EngineIOViolation) -> JSONDocument {
        do {
            return try data.withUnsafeReadableBytes { (bytes) throws(JSONError) in
                try JSONDocument(bytes, limits: limits)
            }
        } catch {
            throw .badOpening("its JSON is malformed: \(error)")
        }
    }

    private static func time(_ value: JSONValue?, _ name: String) throws(EngineIOViolation) -> TimeAmount {
        guard let value else { throw .badOpening("\(name) is missing") }
        guard let milliseconds = whole(value), milliseconds > 0 else {
            throw .badOpening("\(name) is no number of milliseconds above 0")
        }
        return .milliseconds(min(milliseconds, longest))
    }

    private static func whole(_ value: JSONValue) -> Int64? {
        guard let text = value.numberText else { return nil }
        if let whole = Int64(text) { return whole }
        guard let number = Double(text), number.isFinite else { return nil }
        return Int64(exactly: number.rounded(.down)) ?? (number > 0 ? .max : nil)
    }

    /// The data of an open packet.
    public var data: ByteBuffer {
        var writer = ByteWriter(capacity: 192)
        writer.append("{\"sid\":")
        writer.append(jsonString: sid)
        writer.append(",\"upgrades\":[")
        for (index, name) in upgrades.enumerated() {
            if index > 0 { writer.append(UInt8(ascii: ",")) }
            writer.append(jsonString: name)
        }
        writer.append("],\"pingInterval\":")
        writer.append(decimal: pingInterval.nanoseconds / 1_000_000)
        writer.append(",\"pingTimeout\":")
        writer.append(decimal: pingTimeout.nanoseconds / 1_000_000)
        if let maximumPayloadBytes {
            writer.append(",\"maxPayload\":")
            writer.append(decimal: Int64(maximumPayloadBytes))
        }
        writer.append(UInt8(ascii: "}"))
        return writer.withBytes { ByteBuffer(bytes: $0) }
    }
}
