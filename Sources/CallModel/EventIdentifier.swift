import Codecs

extension UUID128: StablyHashed {
    var stableHash: UInt64 { low ^ high >> 7 }
}

/// Makes event ids: UUIDv5 over parts joined with U+001F (docs/call-event.md, ids).
struct EventIdentifier: ~Copyable {
    /// UUIDv5 of the URL namespace and `urn:cti-bridge:call-event:1`.
    static let namespace = UUID128(high: 0x52C0_BA3F_180E_5275, low: 0xB4A6_D08C_9DCC_A3EF)

    /// Namespace, vendor and name of the source that was last; what follows is written behind them.
    private var name = ByteWriter(capacity: 256)
    private var beginning = 0
    private var source: CallTracker.Source?

    init() {}

    /// The id of a fact of `source`: its vendor, its name, then the parts.
    mutating func make(_ source: CallTracker.Source, _ first: String, _ second: String) -> UUID128 {
        begin(source)
        add(first)
        add(second)
        return name.withBytes { UUID128(namespaceAndName: $0) }
    }

    mutating func make(_ source: CallTracker.Source, _ parts: [String]) -> UUID128 {
        begin(source)
        for part in parts { add(part) }
        return name.withBytes { UUID128(namespaceAndName: $0) }
    }

    private mutating func begin(_ source: CallTracker.Source) {
        if self.source === source { return name.truncate(to: beginning) }
        name.truncate(to: 0)
        name.append(rawBytes: Self.namespace)
        name.append(utf8: source.profile.vendor)
        name.append(0x1F)
        name.append(utf8: source.profile.name)
        beginning = name.count
        self.source = source
    }

    private mutating func add(_ part: String) {
        name.append(0x1F)
        name.append(utf8: part)
    }
}

/// Whose state a state kind tells.
enum StateEntity {
    static func id(_ body: EventBody) -> String {
        switch body.detail {
        case .entity(let entity): entity.id
        case .voicemail(let voicemail): voicemail.owner?.id ?? ""
        case .callbackList(let callback, _), .callback(let callback): callback.listID ?? ""
        default: body.agent?.id ?? body.queue?.id ?? ""
        }
    }

    /// Where the last state of the entity is remembered.
    static func key(_ kind: Kind, source: String, _ body: EventBody) -> TextHash {
        var type = ""
        if case .entity(let entity) = body.detail { type = entity.type.rawValue }
        return TextHash("\(kind.rawValue)\u{1F}\(source)\u{1F}\(type)\u{1F}\(id(body))")
    }
}

/// What tells facts of one kind in one call apart.
enum FactKey {
    static func of(_ kind: Kind, _ body: EventBody) -> String {
        switch kind {
        case .callQueued: return body.queue.map { "queue:\($0.id)" } ?? ""
        case .callParked, .callUnparked:
            if case .park(let park) = body.detail { return "slot:\(park.slot)" }
        case .callTransferStarted, .callTransferConnected, .callTransferCancelled:
            if case .transfer(let transfer) = body.detail { return "transfer:\(transfer.number)" }
        case .callTreatment:
            if case .treatment(let treatment) = body.detail {
                return "treatment:\(treatment.type.rawValue):\(treatment.id ?? "")"
            }
        case .callRinging, .callRingStopped, .callAnswered, .callLeft, .callRouted, .callHeld, .callRetrieved,
            .callMissed, .callConferenced, .callMonitored:
            return party(body)
        default: break
        }
        return ""
    }

    /// `agent:…`, else `target:…`, else empty.
    static func party(_ body: EventBody) -> String {
        if let agent = body.agent { return "agent:" + agent.id }
        if case .target(let target) = body.detail { return key(of: target) }
        return ""
    }

    static func key(of target: Target) -> String {
        "target:\(target.type.rawValue):\(target.id ?? target.number ?? "")"
    }
}
