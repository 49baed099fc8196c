import BridgeCore
import Codecs

/// The messages of a recorded scenario, for the simulated hub to say.
enum EnreachScript {
    /// At the times of the scenario. Throws where it is none.
    static func events(_ scenario: JSONValue) throws -> [EnreachSimulatedEvent] {
        guard let input = scenario["input"], input.kind == .array else {
            throw ReplayError("a scenario has a list 'input'; this file has none")
        }
        return try input.elements.enumerated().compactMap { index, step in
            guard step["do"]?.string == "message" else { return nil }
            guard let at = step["at"]?.string.flatMap({ Timestamp.parse($0)?.time }) else {
                throw ReplayError("step \(index + 1) of the scenario has no time 'at'")
            }
            guard let message = step["message"], let subscription = message.member(ignoringCase: "subscription"),
                let entity = subscription.member(ignoringCase: "EntityId")?.string.flatMap({ UUID128($0) }),
                let name = subscription.member(ignoringCase: "EventName")?.string,
                let data = message.member(ignoringCase: "data")
            else { throw ReplayError("step \(index + 1) of the scenario is no RTE message") }
            var writer = ByteWriter(capacity: 1024)
            writer.append(json: data)
            return EnreachSimulatedEvent(
                due: at, entity: entity, name: name, data: String(decoding: writer.bytes, as: UTF8.self))
        }
    }
}
