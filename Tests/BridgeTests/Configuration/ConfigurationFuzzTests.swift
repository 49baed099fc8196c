import Bridge
import BridgeCore
import Testing

/// A generator with a seed, so that a failure can be had again.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}

@Suite("Damaged configurations")
struct ConfigurationFuzzTests {
    private static let valid = """
        tenant: acme   # a comment
        sources:
          - name: cape
            vendor: teleforge
            redis: redis://pbx.example:6379/0
            username: "0800"
            password: { env: REDIS_PASSWORD }
            lists: [inbound, cdr]
            commands: { BLMOVE: 'x-move' }
            limits: { element_bytes: 1MiB, depth: 16 }
            raw: off
          - name: tokyo
            vendor: basix
            url: wss://pbx.example
            domain: test1.example
            token: { env: REDIS_PASSWORD }
            app_name: bridge
            full_events: false
            watch: { user_extension: "1001" }
        sinks:
          - { name: lines, type: stdout, events: ["call.*"], sources: [cape] }
          - name: file
            type: file
            path: /var/log/cti/%Y/%{tenant}.jsonl
            rotate: { size: 64MiB, age: 24h, keep: 3 }
            mode: 0640
        store: { retention: 30d, max_size: 2GiB }
        log: { level: info, format: text }

        """

    /// What damages YAML best.
    private static let pieces = [
        "\t", "\n", " ", "  ", ":", ": ", "- ", "[", "]", "{", "}", "\"", "'", "#", " #", "&a ", "*a", "!!str ", "! ",
        "|\n", ">-\n", "?",
        "? ", "<<: ", "---\n", "...\n", "%YAML 1.1\n", "\\u0000", "\\", "\u{FEFF}", "\u{85}", "\u{2028}", "\u{0}", "é",
        "🐝", "\r", "~",
        "null", "0", "99999999999999999999", "-1", ",", "%", "..", "\u{F0000}", "name: x\n", "tenant: acme\n",
    ].map { Array($0.utf8) }

    @Test("No damage of a valid file ends the process, and every file gives a configuration or a diagnostic in it")
    func mutations() {
        let seed = UInt64.random(in: .min ... .max)
        print("ConfigurationFuzzTests seed \(seed)")
        var random = SplitMix(state: seed)
        let valid = Array(Self.valid.utf8)
        #expect(loadYAML(Self.valid).configuration != nil)
        for _ in 0..<20_000 {
            var bytes = valid
            for _ in 0..<Int.random(in: 1...4, using: &random) { Self.damage(&bytes, &random) }
            let outcome = ConfigurationLoader.load(
                bytes: bytes, file: "f", environment: configurationEnvironment, kinds: callEventKinds)
            let isPlaced = outcome.diagnostics.allSatisfy { $0.line >= 1 && $0.column >= 1 && !$0.cause.isEmpty }
            let isEither = (outcome.configuration == nil) != outcome.diagnostics.isEmpty
            if !isPlaced || !isEither {
                Issue.record("seed \(seed): \(String(decoding: bytes, as: UTF8.self))")
                return
            }
        }
    }

    private static func damage(_ bytes: inout [UInt8], _ random: inout SplitMix) {
        let start = Int.random(in: 0...bytes.count, using: &random)
        let end = min(bytes.count, start + Int.random(in: 1...12, using: &random))
        switch Int.random(in: 0..<6, using: &random) {
        case 0: bytes.removeSubrange(start..<end)
        case 1: bytes.insert(contentsOf: bytes[start..<end], at: Int.random(in: 0...bytes.count, using: &random))
        case 2 where start < bytes.count: bytes[start] = UInt8.random(in: 0...255, using: &random)
        case 3: bytes.removeSubrange(end...)
        default: bytes.insert(contentsOf: pieces.randomElement(using: &random) ?? [], at: start)
        }
    }

    @Test(
        "Nesting of any depth and in any form is an answer, not a crash",
        arguments: [
            String(repeating: "[", count: 100_000), String(repeating: "{a: ", count: 100_000),
            String(repeating: "- ", count: 100_000), String(repeating: "? ", count: 100_000),
            String(repeating: "[", count: 990) + String(repeating: "]", count: 990),
            String(repeating: "{? ", count: 900) + String(repeating: "}", count: 900),
            String(repeating: "[", count: 500_000) + String(repeating: "]", count: 500_000),
        ])
    func deep(text: String) { #expect(!loadYAML(text).diagnostics.isEmpty) }

    @Test("Aliases that would unfold without end are refused before they are read")
    func aliases() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1...12 {
            let alias = Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ")
            text += "a\(level): &a\(level) [\(alias)]\n"
        }
        text += "? *a12\n: x\n? *a12\n: y\n"
        #expect(
            loadYAML(text).diagnostics.map(\.description).first?.hasPrefix("acme.yaml:1:5: error: anchors (&)") == true)
    }

    @Test("A key that is there many times is named each time")
    func repeated() {
        let text =
            fiveLines + (0..<20).map { "log: { level: info, \"format\": text, 'format': json } # \($0)\n" }.joined()
        let found = loadYAML(text).diagnostics
        #expect(!found.isEmpty && found.allSatisfy { $0.cause.contains("twice") })
    }
}
