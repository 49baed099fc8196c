import BridgeCore
import CallModel
import Codecs

/// Scenario notation: the one argument of `MessageReceived`, `{"subscription": {"EntityId", "EventName"}, "data": {…}}`.
final class EnreachReplayer: MessageReplayer {
    private var mapper: EnreachMapper

    init(raw: RawPolicy, recentCalls: [CallTracker.RecentCall] = []) {
        mapper = EnreachMapper(raw: raw, recentCalls: recentCalls)
    }

    func complete(_ profile: inout SourceProfile) { EnreachConfiguration.complete(&profile) }

    func linkUp() { mapper.take(.connected, at: Timestamp(microseconds: 0)) }

    func linkDown() { mapper.take(.lost, at: Timestamp(microseconds: 0)) }

    func facts(of message: JSONValue, at time: Timestamp, into facts: inout [CallFact]) throws {
        mapper.take(.message(message), at: time)
        facts += mapper.takeFacts()
    }
}
