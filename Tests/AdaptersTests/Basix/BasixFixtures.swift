import Codecs
import Foundation
import TestSupport
import WireProtocols

@testable import Adapters

/// The messages and sessions of the corpus that a real Erlang made (Tests/WireProtocolsTests/BERT/Fixtures, with a README).
struct BasixFixture: CustomStringConvertible, Sendable {
    let name: String
    let bytes: [UInt8]
    /// Names of fixtures to be read first.
    let needs: [String]
    /// The normalised message in canonical JSON; nil for those that are none.
    let message: String?
    /// Why it is no message.
    let reject: String?

    var description: String { name }

    static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../WireProtocolsTests/BERT/Fixtures").standardized.path

    static func bytes(_ file: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: "\(directory)/\(file)")))
    }

    static func json(_ file: String) throws -> JSONValue {
        try JSONDocument(bytes(file), limits: JSONLimits(bytes: 1 << 24, depth: 100)).root
    }

    static func canonical(_ value: JSONValue) -> String {
        var writer = ByteWriter()
        writer.append(canonicalJSON: value)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    static func canonical(_ text: [UInt8]) throws -> String {
        canonical(try JSONDocument(text, limits: JSONLimits(bytes: 1 << 24, depth: 100)).root)
    }

    static let all: [BasixFixture] = {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return files.filter { $0.hasSuffix(".bert") }.sorted().compactMap { file in
            let name = String(file.dropLast(5))
            guard let bytes = try? bytes(file), let json = try? json("\(name).json"),
                json["message"] != nil || json["reject"] != nil
            else { return nil }
            return BasixFixture(
                name: name, bytes: bytes, needs: (json["needs"]?.elements ?? []).compactMap(\.string),
                message: json["message"].map(canonical), reject: json["reject"]?.string)
        }
    }()

    static let messages = all.filter { $0.message != nil }
    static let rejects = all.filter { $0.reject != nil }

    /// The frames that `needs` names.
    var before: [[UInt8]] {
        get throws { try needs.map { try Self.bytes("\($0).bert") } }
    }
}

/// The frames of one connection, and what each says.
struct BasixSessionFixture: CustomStringConvertible, Sendable {
    let name: String
    let frames: [[UInt8]]
    let messages: [String]

    var description: String { name }

    static let names = [
        "session-group-call-park", "session-reconnect-before", "session-reconnect-after", "session-limit",
    ]

    init(_ name: String) throws {
        self.name = name
        var frames: [[UInt8]] = []
        var rest = try BasixFixture.bytes("\(name).bertseq")[...]
        while rest.count >= 4 {
            let length = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            frames.append(Array(rest.dropFirst(4).prefix(length)))
            rest = rest.dropFirst(4 + length)
        }
        self.frames = frames
        let json = try BasixFixture.json("\(name).json")
        messages = (json["messages"] ?? json["frames"])?.elements.map(BasixFixture.canonical) ?? []
    }
}

extension BERTLimits {
    /// Two fixtures are compressed, which a live connection refuses.
    static let withCompressed = BERTLimits(allowsCompressed: true)
}

extension BasixMessageReader {
    /// The line that a frame becomes, in canonical JSON.
    func canonicalLine(_ frame: [UInt8]) throws -> String {
        var writer = ByteWriter()
        try frame.withUnsafeBytes { writer.append(basixMessage: try read($0)) }
        return try BasixFixture.canonical(writer.bytes)
    }
}
