import Foundation
import NIOCore
import WireProtocols

/// One of the recordings of real Socket.IO peers in `Fixtures/socketio`; its README says how they were made. New files in
/// the folder are taken up by every test that goes over all of them.
public struct SocketIORecording: Sendable, CustomStringConvertible {
    public enum Side: String, Sendable { case client = "c2s", server = "s2c" }

    public enum Item: Sendable {
        case request(HTTPRequestHead, body: [UInt8])
        case response(status: Int, body: [UInt8])
        /// A text or binary frame.
        case message(WebSocketMessage)
        /// A close frame.
        case close(code: UInt16?)
        /// The TCP connection: fin, reset, refused.
        case socket(String)
    }

    public struct Line: Sendable {
        /// Since the beginning.
        public let time: TimeAmount
        public let connection: Int
        public let side: Side
        public let item: Item
    }

    public let name: String
    public let lines: [Line]

    public var description: String { name }

    /// Of the peer that was recorded.
    public var version: EngineIOVersion { name.contains("eio4-") && !name.hasPrefix("sio") ? .v4 : .v3 }

    /// Somebody broke the protocol on purpose.
    public var isMalformed: Bool { name.contains("malformed") }

    public static let all: [SocketIORecording] = {
        let folder = PythonPeer.script("socketio")
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return files.filter { $0.hasSuffix(".jsonl") }.sorted().compactMap { file in
            try? SocketIORecording(name: String(file.dropLast(6)), path: "\(folder)/\(file)")
        }
    }()

    public static func named(_ name: String) throws -> SocketIORecording {
        guard let recording = all.first(where: { $0.name == name }) else {
            throw TestFailure(description: "there is no recording \(name)")
        }
        return recording
    }

    private init(name: String, path: String) throws {
        self.name = name
        let text = try String(contentsOfFile: path, encoding: .utf8)
        // By line feeds alone: a separator inside a text must not end a line.
        lines = try text.utf8.split(separator: UInt8(ascii: "\n")).compactMap { line in
            let object = try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any] ?? [:]
            return Line(object)
        }
    }

    // MARK: - One connection

    public var connections: [Int] { Array(Set(lines.map(\.connection))).sorted() }

    /// The messages of one connection, in the order of the tap.
    public func lines(of connection: Int) -> [Line] { lines.filter { $0.connection == connection } }

    /// The request that opened a connection, where it was recorded.
    public func request(of connection: Int) -> HTTPRequestHead? {
        for line in lines where line.connection == connection {
            if case .request(let head, _) = line.item { return head }
        }
        return nil
    }

    /// What the client asked for; the version that was spoken is another matter.
    public func askedVersion(of connection: Int) -> EngineIOVersion {
        request(of: connection)?.query("EIO").flatMap { Int($0) }.flatMap(EngineIOVersion.init) ?? version
    }

    /// Connections that are WebSockets from their first request on, without a session before.
    public var directWebSockets: [Int] {
        connections.filter { connection in
            guard let head = request(of: connection), head.query("transport") == "websocket" else { return false }
            return head.query("sid") == nil
        }
    }

    public func messages(of connection: Int, from side: Side) -> [WebSocketMessage] {
        lines(of: connection).compactMap { line in
            guard line.side == side, case .message(let message) = line.item else { return nil }
            return message
        }
    }
}

extension SocketIORecording.Line {
    fileprivate init?(_ object: [String: Any]) {
        guard let side = (object["dir"] as? String).flatMap(SocketIORecording.Side.init(rawValue:)),
            let connection = object["conn"] as? Int, let item = Self.item(object)
        else { return nil }
        (self.side, self.connection, self.item) = (side, connection, item)
        time = .microseconds(Int64(((object["t"] as? Double) ?? 0) * 1_000_000))
    }

    private static func item(_ object: [String: Any]) -> SocketIORecording.Item? {
        switch object["kind"] as? String {
        case "http":
            let body = (object["body"] as? String).map { Array($0.utf8) } ?? bytes(object["body_hex"])
            if let status = object["status"] as? Int { return .response(status: status, body: body) }
            let words = (object["request"] as? String ?? "").split(separator: " ")
            guard words.count == 2 else { return nil }
            let fields = (object["headers"] as? [String: String] ?? [:]).sorted { $0.key < $1.key }
            return .request(
                HTTPRequestHead(
                    method: String(words[0]), target: String(words[1]),
                    headers: HTTPHeaders(fields.map { ($0.key, $0.value) })), body: body)
        case "ws": return frame(object)
        case "tcp": return .socket(object["event"] as? String ?? "")
        default: return nil
        }
    }

    private static func frame(_ object: [String: Any]) -> SocketIORecording.Item? {
        switch object["opcode"] as? String {
        case "text": .message(.text(object["text"] as? String ?? rebuilt(object)))
        case "binary": .message(.binary(ByteBuffer(bytes: bytes(object["hex"]))))
        case "close": .close(code: (object["code"] as? Int).map { UInt16($0) })
        default: nil
        }
    }

    /// Long texts were cut; all of them end in a row of one letter.
    private static func rebuilt(_ object: [String: Any]) -> String {
        let head = object["text_head"] as? String ?? ""
        let missing = (object["len"] as? Int ?? 0) - head.utf8.count - 2
        return head + String(repeating: head.last ?? "x", count: max(0, missing)) + "\"]"
    }

    private static func bytes(_ hex: Any?) -> [UInt8] {
        let digits = Array((hex as? String ?? "").utf8).compactMap { Int(String(UnicodeScalar($0)), radix: 16) }
        return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}
