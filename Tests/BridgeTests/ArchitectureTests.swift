import Adapters
import Bridge
import Foundation
import Sinks
import Testing

/// Reads the sources as they lie there and keeps the table of docs/architecture.md true.
@Suite("Architecture")
struct ArchitectureTests {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

    private static let system: Set<String> = ["Glibc", "Synchronization"]
    private static let networking: Set<String> = ["NIOCore", "NIOPosix", "Logging"]

    /// What each target may import, itself excluded. Three targets are pure: no C library, no Foundation, no NIO.
    static let allowed: [String: Set<String>] = [
        "Codecs": ["COpenSSL"],
        "CallModel": ["Codecs"],
        "WireProtocols": ["Codecs", "NIOCore", "CHiredis", "CZlib"],
        // Foundation: GRDB's own interface asks for it.
        "Store": system.union(["Codecs", "GRDB", "GRDBSQLite", "Foundation"]),
        "Transport": system.union(networking).union(["Codecs", "WireProtocols", "COpenSSL"]),
        // Transport: settings of a configuration in its terms.
        // CMalloc: starting programs.
        "BridgeCore": system.union([
            "CMalloc", "CallModel", "Codecs", "Transport", "WireProtocols", "NIOCore", "Logging",
        ]),
        "Adapters": system.union(networking).union([
            "BridgeCore", "Transport", "WireProtocols", "CallModel", "Codecs",
        ]),
        "Sinks": system.union(networking).union(["BridgeCore", "Transport", "WireProtocols", "CallModel", "Codecs"]),
        "Bridge": system.union(networking).union([
            "Dispatch", "CMalloc",
            "Adapters", "Sinks", "Store", "BridgeCore", "Transport", "WireProtocols", "CallModel", "Codecs",
            "ArgumentParser", "Yams", "HummingbirdCore", "HTTPTypes",
        ]),
        "cti-bridge": ["Bridge", "CMalloc"],
    ]
    private static let cTargets: Set<String> = ["CHiredis", "CMalloc", "COpenSSL", "CZlib"]

    static func entries(_ path: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "\(root)/\(path)")) ?? []).sorted()
    }

    static func folders(_ path: String) -> [String] {
        entries(path).filter { name in
            var isDirectory = ObjCBool(false)
            return FileManager.default.fileExists(atPath: "\(root)/\(path)/\(name)", isDirectory: &isDirectory)
                && isDirectory.boolValue
        }
    }

    /// Paths of the Swift files below `path`.
    static func swiftFiles(_ path: String) -> [String] {
        entries(path).filter { $0.hasSuffix(".swift") }.map { "\(path)/\($0)" }
            + folders(path).flatMap { swiftFiles("\(path)/\($0)") }
    }

    static func text(_ path: String) throws -> String { try String(contentsOfFile: "\(root)/\(path)", encoding: .utf8) }

    /// Names of the modules that a file imports, whatever stands before the word.
    static func imports(_ text: String) -> [String] {
        text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard let position = words.firstIndex(of: "import"), position + 1 < words.count,
                words[..<position].allSatisfy({
                    $0.hasPrefix("@") || ["public", "package", "internal", "private", "fileprivate"].contains($0)
                })
            else { return nil }
            let isScoped = ["struct", "class", "enum", "protocol", "func", "typealias", "var", "let"]
                .contains(words[position + 1])
            let path = words[min(position + (isScoped ? 2 : 1), words.count - 1)]
            return path.split(separator: ".").first.map(String.init)
        }
    }

    @Test("Every target is in the table, and every entry of the table that is built is a target")
    func targets() {
        let found = Set(Self.folders("Sources"))
        #expect(found.subtracting(Self.cTargets) == Set(Self.allowed.keys))
    }

    @Test("No file imports more than its target may", arguments: allowed.keys.sorted())
    func imports(of target: String) throws {
        let files = Self.swiftFiles("Sources/\(target)")
        #expect(!files.isEmpty)
        for file in files {
            let extra = Set(Self.imports(try Self.text(file))).subtracting(Self.allowed[target] ?? [])
            #expect(extra.isEmpty, "\(file) imports \(extra.sorted().joined(separator: ", "))")
        }
    }

    @Test("A vendor knows no other vendor, and a sink no other sink")
    func neighbours() throws {
        for parent in ["Sources/Adapters", "Sources/Sinks"] {
            let names = Self.folders(parent)
            for name in names {
                let others = names.filter { $0 != name }.map { parent.hasSuffix("Sinks") ? "\($0)Sink" : $0 }
                for file in Self.swiftFiles("\(parent)/\(name)") {
                    let text = try Self.text(file)
                    for other in others { #expect(!text.contains(other), "\(file) names \(other)") }
                }
            }
        }
    }

    @Test("Every vendor has a folder, a folder of tests, and an example")
    func vendors() throws {
        let vendors = AdapterRegistry.vendors
        #expect(Self.folders("Sources/Adapters").map { $0.lowercased() } == vendors.sorted())
        #expect(Self.folders("Tests/AdaptersTests").map { $0.lowercased() } == vendors.sorted())
        let examples = try Self.examples()
        for vendor in vendors { #expect(examples.contains("vendor: \(vendor)"), "no example for \(vendor)") }
    }

    @Test("Every type of sink has a folder, a folder of tests, and an example")
    func sinks() throws {
        let types = SinkRegistry.types
        #expect(Self.folders("Sources/Sinks").map { $0.lowercased() } == types.sorted())
        let tested = Set(Self.folders("Tests/SinksTests").map { $0.lowercased() })
        let examples = try Self.examples()
        for type in types {
            #expect(tested.contains(type), "no tests for \(type)")
            #expect(examples.contains("type: \(type)"), "no example for \(type)")
        }
    }

    @Test(
        "Every configuration in the documentation is one without mistakes",
        arguments: ["README.md", "docs/configuration.md"])
    func documentedConfigurations(_ path: String) throws {
        let blocks = try Self.text(path).components(separatedBy: "```yaml\n").dropFirst()
        #expect(!blocks.isEmpty)
        for block in blocks {
            let outcome = loadYAML(block.components(separatedBy: "```")[0])
            #expect(outcome.diagnostics.isEmpty, "\(path): \(outcome.diagnostics.map { "\($0)" })")
        }
    }

    @Test("Every kind and every promised section is in the model's documentation")
    func documentedModel() throws {
        let text = try Self.text("docs/call-event.md")
        for section in ["ids", "state machine", "Promises to the consumer"] {
            #expect(text.contains("\n## \(section)\n"))
        }
        for kind in callEventKinds {
            let last = kind.split(separator: ".").last ?? ""
            #expect(text.contains("`\(kind)`") || text.contains("`.\(last)`"), "\(kind)")
        }
    }

    private static func examples() throws -> String {
        try entries("Config").filter { $0.hasSuffix(".yaml") }.map { try text("Config/\($0)") }.joined()
    }
}
