import Adapters
import Codecs
import Foundation
import TestSupport
import Testing

@testable import Bridge

/// The recorded scenarios of this folder.
enum ScenarioFixtures {
    static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
        "Fixtures")

    static let names: [String] = {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []
        return files.filter { $0.hasSuffix(".json") }.sorted()
    }()

    static func load(_ name: String) throws -> Scenario {
        try Scenario(Array(Data(contentsOf: directory.appendingPathComponent(name))))
    }
}

@Suite("Scenarios")
struct ScenarioTests {
    @Test("A recorded scenario becomes exactly its lines, and each keeps the schema", arguments: ScenarioFixtures.names)
    func lines(_ name: String) throws {
        let scenario = try ScenarioFixtures.load(name)
        let lines = try scenario.play { AdapterRegistry.adapter($0) }
        for (index, line) in lines.enumerated() where index < scenario.expected.count {
            #expect(line == scenario.expected[index], "line \(index + 1)")
        }
        #expect(lines.count == scenario.expected.count)
        let schema = try SchemaValidator.callEvent()
        for (index, line) in lines.enumerated() {
            #expect(schema.faults(of: line) == [], "line \(index + 1)")
        }
        #expect("\(scenario.name).json" == name)
    }

    @Test("A second playing, through other allocations and hash seeds of the process, gives the same bytes")
    func repeatable() throws {
        for name in ScenarioFixtures.names {
            let scenario = try ScenarioFixtures.load(name)
            let (first, second) = (
                try scenario.play { AdapterRegistry.adapter($0) }, try scenario.play { AdapterRegistry.adapter($0) }
            )
            #expect(first == second)
        }
    }

    @Test("The fixtures are there, the first three among them")
    func fixtures() {
        #expect(ScenarioFixtures.names.count >= 20)
        #expect(ScenarioFixtures.names.prefix(3).map { $0.prefix(2) } == ["01", "02", "03"])
    }

    static let mistakes: [(text: String, cause: String)] = [
        ("{", "expected a scenario in JSON"), ("{}", "member 'config' is missing"),
        (#"{"config":{"source":{"vendor":"teleforge","name":"a"},"stream":"x"}}"#, "member 'config.stream'"),
        (
            #"{"config":{"source":{"vendor":"teleforge","name":"a"},"stream":"0192f0c4-8a00-7000-8000-000000000001"},"input":[{"at":"2026-01-15T10:00:00Z","do":"dance"}]}"#,
            "input[0].do is 'dance'"
        ),
    ]

    @Test("A scenario that cannot be read says where", arguments: mistakes)
    func mistake(_ row: (text: String, cause: String)) {
        let error = #expect(throws: ScenarioError.self) { try Scenario(Array(row.text.utf8)) }
        #expect(error?.description.hasPrefix(row.cause) == true, "\(error?.description ?? "")")
    }
}
