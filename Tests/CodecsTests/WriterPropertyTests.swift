import Foundation
import TestSupport
import Testing

@testable import Codecs

/// The fast ways of the writer against the plain ones.
@Suite("Writer against plain rules")
struct WriterPropertyTests {
    private func text(_ write: (inout ByteWriter) -> Void) -> String {
        var writer = ByteWriter(capacity: 64)
        write(&writer)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    private func escapedPlainly(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\u{08}": out += "\\b"
            case "\u{0C}": out += "\\f"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case _ where scalar.value < 0x20: out += String(format: "\\u%04x", scalar.value)
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }

    @Test func `Every byte is escaped or kept, at every place of a word`() {
        for value in UInt32(0)..<0x180 {
            guard let scalar = Unicode.Scalar(value) else { continue }
            for before in 0..<10 {
                for after in 0..<10 {
                    let sample =
                        String(repeating: "~", count: before) + String(scalar)
                        + String(repeating: "!", count: after)
                    #expect(text { $0.append(jsonString: sample) } == escapedPlainly(sample))
                }
            }
        }
    }

    @Test func `Random texts, whole and from the middle`() {
        var random = SeededGenerator(seed: SeededGenerator.printedSeed(for: "escaping"))
        let alphabet = Array("ab~!\"\\\n\u{1F}\u{7F}é漢😀/ ".unicodeScalars)
        for _ in 0..<5000 {
            var sample = ""
            for _ in 0..<Int.random(in: 0...60, using: &random) {
                sample.unicodeScalars.append(alphabet[Int.random(in: 0..<alphabet.count, using: &random)])
            }
            #expect(text { $0.append(jsonString: sample) } == escapedPlainly(sample))
            let prefix = "name:"
            #expect(
                text { $0.append(jsonString: prefix + sample, skipping: prefix.utf8.count) } == escapedPlainly(sample))
        }
    }

    @Test func `Numbers, ids and times read as the system writes them`() throws {
        var random = SeededGenerator(seed: SeededGenerator.printedSeed(for: "numbers"))
        let edges: [Int64] = [0, 1, 9, 10, 11, 99, 100, 101, 999, 1000, .max, .min, -1, -10, -100]
        let drawn = (0..<2000).map { (index: Int64) in Int64.random(in: .min ... .max, using: &random) >> (index % 63) }
        for value in edges + drawn {
            #expect(text { $0.append(decimal: value) } == String(value))
        }
        #expect(text { $0.append(decimal: UInt64.max) } == String(UInt64.max))
        for _ in 0..<2000 {
            let id = UUID128(high: random.next(), low: random.next())
            let bytes = withUnsafeBytes(of: (id.high.bigEndian, id.low.bigEndian)) { $0.load(as: uuid_t.self) }
            #expect(id.description == UUID(uuid: bytes).uuidString.lowercased())
            #expect(UUID128(id.description) == id)
        }
        // One writer for all of them: the date it remembers must not stick.
        var writer = ByteWriter()
        for _ in 0..<2000 {
            let time = Timestamp(microseconds: Int64.random(in: Timestamp.range, using: &random))
            writer.removeAll()
            writer.append(time)
            let written = String(decoding: writer.bytes, as: UTF8.self)
            #expect(written.utf8.count == 27 && Timestamp(written) == time)
        }
    }
}
