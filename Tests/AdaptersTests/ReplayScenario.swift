import BridgeCore
import CallModel
import Codecs
import Foundation
import TestSupport
import Testing

@testable import Adapters

/// A recorded scenario of a vendor, from the folder of the scenario tests.
struct ReplayScenario: CustomStringConvertible, Sendable {
    struct Step: Sendable {
        let at: Timestamp
        let action: String
        let message: JSONValue?
    }

    let name: String
    let lifecycle: SourceProfile.Lifecycle
    let raw: RawPolicy
    let steps: [Step]
    let expected: [String]

    var description: String { name }

    static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../BridgeTests/Scenarios/Fixtures").standardized.path

    static let basix = all(of: "basix")
    static let enreach = all(of: "enreach")

    private static func all(of vendor: String) -> [ReplayScenario] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return files.filter { $0.contains("-\(vendor)-") }.sorted().compactMap { try? ReplayScenario($0) }
    }

    init(_ file: String) throws {
        let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: "\(Self.directory)/\(file)")))
        let root = try JSONDocument(bytes, limits: JSONLimits(bytes: 16 << 20, depth: 64)).root
        name = String(file.dropLast(5))
        lifecycle = root["config"]?["lifecycle"]?.string == "sparse" ? .sparse : .strict
        raw = RawPolicy(rawValue: root["config"]?["raw"]?.string ?? "") ?? .onUnmapped
        steps = (root["input"]?.elements ?? []).compactMap { item in
            guard let at = item["at"]?.string.flatMap({ Timestamp($0) }), let action = item["do"]?.string else {
                return nil
            }
            return Step(at: at, action: action, message: item["message"])
        }
        expected = (root["expected"]?.elements ?? []).compactMap(\.string)
    }
}

/// What can happen between two steps.
enum Interruption: String, CaseIterable, Sendable {
    /// The connection is lost and comes back at once.
    case reconnect
    /// The process is killed, another one goes on with the stored lines.
    case restart
}

extension ReplayScenario {
    /// Interrupted before any one step, and before every step: calls keep their promises, and what is told of them is what
    /// was told without. `play` plays this scenario; `calls` are its lines of calls, short.
    func expectNothingLost(
        by interruption: Interruption, comparesCalls: Bool = true,
        play: (_ interruptedBefore: Set<Int>) throws -> (events: [CallEvent], calls: [String])
    ) rethrows {
        let whole = try play([])
        let expected = PromiseJudge.faults(of: whole.events)
        var stops = steps.indices.map { Set([$0]) }
        stops.append(Set(steps.indices))
        for stop in stops {
            let run = try play(stop)
            let judge = PromiseJudge.faults(of: run.events)
            let place = "\(interruption) before \(stop.count == 1 ? "step \(stop.first ?? 0)" : "every step")"
            if lifecycle == .strict { #expect(judge.faults == [], "\(place)") }
            #expect(judge.open == expected.open, "\(place)")
            guard comparesCalls else { continue }
            let (left, right) = (Self.counted(whole.calls), Self.counted(run.calls))
            #expect(
                left == right,
                "\(place): missing \(left.subtracting(right).sorted()), new \(right.subtracting(left).sorted())")
        }
    }

    /// Each line with the how-manieth of its kind it is.
    private static func counted(_ lines: [String]) -> Set<String> {
        var counts: [String: Int] = [:]
        return Set(
            lines.map { line in
                counts[line, default: 0] += 1
                return "\(line) #\(counts[line] ?? 0)"
            })
    }
}
