import BridgeCore
import CallModel
import Codecs

/// Recorded messages in the notation, through the same frames, reader and mapper as those of a connection.
final class BasixReplayer: MessageReplayer {
    private let reader = BasixMessageReader()
    private var notation = BasixNotationEncoder()
    private var mapper: BasixMapper

    init(name: String, raw: RawPolicy, recentCalls: [CallTracker.RecentCall] = [], directory: [UInt8] = []) {
        mapper = BasixMapper(source: name, raw: raw, recentCalls: recentCalls, directory: directory)
    }

    func complete(_ profile: inout SourceProfile) { BasixConfiguration.complete(&profile) }

    func linkUp() {
        reader.reset()
        notation = BasixNotationEncoder()
        mapper.connected()
    }

    func linkDown() { mapper.disconnected() }

    func facts(of message: JSONValue, at time: Timestamp, into facts: inout [CallFact]) throws {
        for frame in try notation.frames(of: message) {
            frame.withUnsafeBytes { take($0, at: time) }
        }
        facts += mapper.takeFacts()
    }

    private func take(_ frame: UnsafeRawBufferPointer, at time: Timestamp) {
        do {
            _ = mapper.take(try reader.read(frame), frame: frame, receivedAt: time)
        } catch {
            mapper.take(error, frame: frame, receivedAt: time)
        }
    }

    var nextDeadline: Timestamp? { mapper.nextDeadline() }

    func advance(to time: Timestamp, into facts: inout [CallFact]) {
        mapper.advance(to: time)
        facts += mapper.takeFacts()
    }

    /// What the adapter would have written down beside the facts.
    func takeNote() -> [UInt8]? { mapper.takeNote() }
}
