import Codecs
import Foundation
import TestSupport
import WireProtocols

/// The corpus in Fixtures: messages made by a real Erlang, and broken ones put together by hand. Its README explains it.
struct BERTFixture: CustomStringConvertible, Sendable {
    let name: String
    let bytes: [UInt8]
    let expectation: JSONDocument

    var description: String { name }
    /// `ok`, `reject` (a term, but no message), `error`, `limit` or `any`.
    var expect: String { expectation.root["expect"]?.string ?? "" }
    /// The decoded term in canonical JSON, pairs of maps sorted; nil for broken ones.
    var term: String? { expectation.root["term"].map(BERTNotation.canonical) }
    /// Compressed, or holding an integer that the default limits refuse.
    var needsLooserLimits: Bool { isCompressed || ["etf-big-255", "etf-big-256"].contains(name) }
    var isCompressed: Bool { bytes.count > 1 && bytes[1] == 80 }

    static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Fixtures").path

    static func bytes(_ file: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: "\(directory)/\(file)")))
    }

    static let all: [BERTFixture] = {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return files.filter { $0.hasSuffix(".bert") }.sorted().compactMap { file in
            let name = String(file.dropLast(5))
            guard let bytes = try? bytes(file), let json = try? Self.bytes("\(name).json"),
                let expectation = try? JSONDocument(json, limits: JSONLimits(bytes: 1 << 24, depth: 100))
            else { return nil }
            return BERTFixture(name: name, bytes: bytes, expectation: expectation)
        }
    }()

    /// Those that are terms for every decoder.
    static let wellFormed = all.filter { ["ok", "reject"].contains($0.expect) }
}

enum BERTNotation {
    /// The notation of the term that `bytes` are.
    static func text(
        _ bytes: [UInt8], _ decoder: BERTDecoder = BERTDecoder()
    ) throws(BERTError) -> String {
        var writer = ByteWriter()
        let result = bytes.withUnsafeBytes { message in
            Result<Void, BERTError> { () throws(BERTError) in writer.append(bertNotation: try decoder.decode(message)) }
        }
        try result.get()
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// `text` with the pairs of maps sorted.
    static func canonical(_ text: String) throws -> String {
        canonical(try JSONDocument(Array(text.utf8), limits: JSONLimits(bytes: 1 << 26, depth: 2000)).root)
    }

    static func canonical(_ value: JSONValue) -> String {
        guard let member = value.members.first else { return "" }
        switch member.name {
        case "tuple": return "{" + member.value.elements.map(canonical).joined(separator: ",") + "}"
        case "list":
            let tail = value["tail"].map { "|" + canonical($0) } ?? ""
            return "[" + member.value.elements.map(canonical).joined(separator: ",") + tail + "]"
        case "map":
            let pairs = member.value.elements.map { $0.elements.map(canonical).joined(separator: "=>") }
            return "#{" + pairs.sorted().joined(separator: ",") + "}"
        default:
            var writer = ByteWriter()
            writer.append(canonicalJSON: value)
            return String(decoding: writer.bytes, as: UTF8.self)
        }
    }
}

extension BERTLimits {
    /// What the fixtures that OTP takes need beyond the defaults.
    static let loose = BERTLimits(integerBytes: 1024, allowsCompressed: true)
}
