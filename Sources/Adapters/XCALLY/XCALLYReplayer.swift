import BridgeCore
import CallModel
import Codecs

/// Scenario notation: a payload, as it would come under a name that says nothing; or `[NAME, ARGUMENT…]`, a whole
/// Socket.IO event.
final class XCALLYReplayer: MessageReplayer {
    private var mapper: XCALLYMapper
    private let limits = JSONLimits()

    init(raw: RawPolicy) { mapper = XCALLYMapper(raw: raw) }

    func complete(_ profile: inout SourceProfile) { XCALLYConfiguration.complete(&profile) }

    func facts(of message: JSONValue, at time: Timestamp, into facts: inout [CallFact]) throws {
        if message.kind == .array {
            let elements = message.elements
            guard let name = elements.first?.string else {
                throw ReplayError("expected a payload, or an array that begins with the name of an event")
            }
            take(name, elements.dropFirst().first, at: time)
        } else {
            take("message", message, at: time)
        }
        facts += mapper.takeFacts()
    }

    private func take(_ name: String, _ argument: JSONValue?, at time: Timestamp) {
        mapper.take(XCALLYReading(name: name, argument: argument, limits: limits), receivedAt: time)
    }
}
