import BridgeCore
import CallModel
import Codecs

extension TeleforgeConfiguration {
    /// Nobody tells the end of a call where no record list is read, so a talking call is given up earlier then.
    package func profile(of source: SourceConfiguration) -> SourceProfile {
        var profile = SourceProfile(
            vendor: Self.vendor, name: source.name, tenant: source.tenant, lifecycle: source.lifecycle)
        profile.recoverable = .queue
        if !lists.contains(.cdr), !lists.contains(.campaigns) { profile.talkTimeout = .seconds(4 * 3600) }
        return profile
    }

    package func makeSource(_ source: SourceConfiguration, context: any SourceContext) -> any Source {
        TeleforgeSource(
            name: source.name, configuration: self, proxy: source.proxy,
            mapper: TeleforgeMapper(
                prefix: prefix, raw: source.raw, limits: JSONLimits(bytes: maximumElementBytes, depth: maximumDepth)),
            context: context)
    }

    package static func makeReplayer(name: String, raw: RawPolicy) -> any MessageReplayer {
        TeleforgeReplayer(raw: raw)
    }
}

/// Scenario notation: `{"list": KEY, "value": ELEMENT}`, or `"text"` in place of `"value"` for bytes that are no JSON.
final class TeleforgeReplayer: MessageReplayer {
    private let mapper: TeleforgeMapper

    init(raw: RawPolicy) { mapper = TeleforgeMapper(prefix: "enigma:notifications", raw: raw) }

    func complete(_ profile: inout SourceProfile) { profile.recoverable = .queue }

    func facts(of message: JSONValue, at time: Timestamp, into facts: inout [CallFact]) throws {
        guard let list = message["list"]?.string else { throw ReplayError("expected a message with a 'list'") }
        var element = ByteWriter()
        if let text = message["text"]?.string {
            element.append(utf8: text)
        } else if let value = message["value"] {
            element.append(json: value)
        } else {
            throw ReplayError("expected a message with a 'value' or a 'text'")
        }
        _ = element.withBytes { mapper.facts(list: list, element: $0, into: &facts) }
    }
}
