import Codecs

/// The blocks of an event that say what happened and to whom. Facts and events share them.
///
/// A value with copy-on-write storage: a body is handed from fact to event to writer, and copying all its texts each time
/// cost more than everything else.
public struct EventBody: Sendable, Equatable {
    private final class Storage: @unchecked Sendable {
        // Only written by its one owner: every setter makes sure that the storage is not shared first.
        var from: Party? = nil
        var to: Party? = nil
        var agent: Agent? = nil
        var queue: Queue? = nil
        var detail: Detail? = nil
        var trunk: Trunk? = nil
        var contacts: [Contact] = []
        var timing: Timing? = nil
        var outcome: Outcome? = nil
        var references: References = References()
        var extra: [ExtraField] = []
        var raw: RawPayload? = nil

        init() {}

        init(copying other: Storage) {
            from = other.from
            to = other.to
            agent = other.agent
            queue = other.queue
            detail = other.detail
            trunk = other.trunk
            contacts = other.contacts
            timing = other.timing
            outcome = other.outcome
            references = other.references
            extra = other.extra
            raw = other.raw
        }
    }

    private var storage = Storage()

    public init() {}

    /// What the first line of a call repeats of the fact that made it necessary.
    init(openingOf body: EventBody) {
        (storage.from, storage.to, storage.trunk) = (body.storage.from, body.storage.to, body.storage.trunk)
        let entries = body.storage.references.entries
        // Mostly all of them belong to the call; then the list is shared.
        storage.references.entries =
            entries.allSatisfy(\.key.isOfCall) ? entries : entries.filter(\.key.isOfCall)
    }

    private mutating func own() -> Storage {
        if !isKnownUniquelyReferenced(&storage) { storage = Storage(copying: storage) }
        return storage
    }

    /// Calling party.
    public var from: Party? {
        _read { yield storage.from }
        _modify { yield &own().from }
    }

    /// Originally called party.
    public var to: Party? {
        _read { yield storage.to }
        _modify { yield &own().to }
    }

    public var agent: Agent? {
        _read { yield storage.agent }
        _modify { yield &own().agent }
    }

    public var queue: Queue? {
        _read { yield storage.queue }
        _modify { yield &own().queue }
    }

    /// The block that belongs to the kind.
    public var detail: Detail? {
        _read { yield storage.detail }
        _modify { yield &own().detail }
    }

    public var trunk: Trunk? {
        _read { yield storage.trunk }
        _modify { yield &own().trunk }
    }

    public var contacts: [Contact] {
        _read { yield storage.contacts }
        _modify { yield &own().contacts }
    }

    public var timing: Timing? {
        _read { yield storage.timing }
        _modify { yield &own().timing }
    }

    public var outcome: Outcome? {
        _read { yield storage.outcome }
        _modify { yield &own().outcome }
    }

    public var references: References {
        _read { yield storage.references }
        _modify { yield &own().references }
    }

    /// Vendor fields without a home, vendor spelling, in the vendor's order.
    public var extra: [ExtraField] {
        _read { yield storage.extra }
        _modify { yield &own().extra }
    }

    public var raw: RawPayload? {
        _read { yield storage.raw }
        _modify { yield &own().raw }
    }

    public static func == (left: EventBody, right: EventBody) -> Bool {
        left.storage === right.storage
            || (left.from == right.from && left.to == right.to && left.agent == right.agent
                && left.queue == right.queue && left.detail == right.detail && left.trunk == right.trunk
                && left.contacts == right.contacts && left.timing == right.timing && left.outcome == right.outcome
                && left.references == right.references && left.extra == right.extra && left.raw == right.raw)
    }
}

public struct Party: Sendable, Equatable {
    /// As delivered.
    public var number: String?
    /// Only when certain.
    public var e164: String?
    public var name: String?
    public var location: Location?
    public var isAnonymous = false

    public enum Location: String, CaseIterable, Sendable { case internalSide = "internal", externalSide = "external" }

    public init(number: String? = nil, e164: String? = nil, name: String? = nil, location: Location? = nil) {
        (self.number, self.e164, self.name, self.location) = (number, e164, name, location)
    }

    /// A party from a vendor's number field: words for a withheld number become `anonymous`, a plain `+` number that fits
    /// E.164 is also given as such. nil for an absent field.
    public init?(vendorNumber: String?) {
        guard let vendorNumber else { return nil }
        if Self.withheld.contains(vendorNumber.lowercased()) {
            isAnonymous = true
        } else {
            number = vendorNumber
            if Self.isE164(vendorNumber) { e164 = vendorNumber }
        }
    }

    private static let withheld: Set<String> = [
        "", "anonymous", "unknown", "<unknown>", "private", "restricted",
    ]

    /// `+`, a digit that is not 0, six to fourteen digits more.
    static func isE164(_ number: String) -> Bool {
        let bytes = number.utf8
        guard bytes.first == UInt8(ascii: "+"), (8...16).contains(bytes.count) else { return false }
        let digits = bytes.dropFirst()
        return digits.first != UInt8(ascii: "0") && digits.allSatisfy { $0 &- 0x30 < 10 }
    }
}

public struct Agent: Sendable, Equatable {
    /// Stable vendor id of the user; the extension where the vendor has nothing else.
    public var id: String
    public var name: String?
    public var `extension`: String?
    public var number: String?
    public var endpoint: String?

    public init(
        id: String, name: String? = nil, extension: String? = nil, number: String? = nil, endpoint: String? = nil
    ) {
        (self.id, self.name, self.extension, self.number, self.endpoint) = (id, name, `extension`, number, endpoint)
    }
}

public struct Queue: Sendable, Equatable {
    /// Vendor id; the name where the vendor has no id.
    public var id: String
    public var name: String?
    public var number: String?
    public var type: QueueType?
    /// The technical queue that did the work, if it differs.
    public var techID: String?
    public var techName: String?

    public enum QueueType: String, CaseIterable, Sendable { case ring, hunt }

    public init(id: String, name: String? = nil, number: String? = nil, type: QueueType? = nil) {
        (self.id, self.name, self.number, self.type) = (id, name, number, type)
    }
}

public struct Trunk: Sendable, Equatable {
    public var name: String?
    public var channel: String?

    public init(name: String? = nil, channel: String? = nil) { (self.name, self.channel) = (name, channel) }
}

public struct Contact: Sendable, Equatable {
    public var id: String?
    public var name: String?
    public var organization: String?
    public var region: String?
    public var avatar: String?

    public init(
        id: String? = nil, name: String? = nil, organization: String? = nil, region: String? = nil,
        avatar: String? = nil
    ) {
        (self.id, self.name, self.organization, self.region, self.avatar) = (id, name, organization, region, avatar)
    }
}

/// Times and durations; durations in whole milliseconds.
public struct Timing: Sendable, Equatable {
    public var source: TimingSource
    public var offeredAt: Timestamp?
    public var queuedAt: Timestamp?
    public var ringingAt: Timestamp?
    public var answeredAt: Timestamp?
    public var endedAt: Timestamp?
    public var queueMilliseconds: Int64?
    public var ringMilliseconds: Int64?
    public var talkMilliseconds: Int64?
    public var holdMilliseconds: Int64?
    public var parkMilliseconds: Int64?
    public var totalMilliseconds: Int64?

    public enum TimingSource: String, CaseIterable, Sendable { case vendor, derived, mixed }

    public init(source: TimingSource) { self.source = source }
}

public struct Outcome: Sendable, Equatable {
    /// In a fact nil where the vendor does not say; the tracker then concludes it from the call.
    public var disposition: Disposition?
    public var side: Side?
    public var endedBy: Ender?
    public var closure: Closure?
    public var sip: Int32?
    public var q850: Int32?
    public var reason: String?
    public var detail: String?
    public var tech: String?

    public enum Side: String, CaseIterable, Sendable { case local, remote }
    public enum Ender: String, CaseIterable, Sendable { case customer, agent, system }

    public init(disposition: Disposition? = nil) { self.disposition = disposition }

    /// A numeric release code goes into its own book: 0 to 127 is Q.850, 200 to 699 is SIP, anything else only `tech`.
    public mutating func setCode(_ code: Int64) {
        switch code {
        case 0...127: q850 = Int32(code)
        case 200...699: sip = Int32(code)
        default: tech = String(code)
        }
    }
}

/// Ids of other systems. A short list rather than eleven optionals: calls carry one or two of them.
public struct References: Sendable, Equatable {
    public enum Key: UInt8, CaseIterable, Sendable {
        case vendorCallID, contactReference, campaign, sipCallID, context, recording, transcript, classification
        case callbackID, mergedInto, mergedFrom

        var name: StaticString {
            switch self {
            case .vendorCallID: "vendor_call_id"
            case .contactReference: "contact_ref"
            case .campaign: "campaign"
            case .sipCallID: "sip_call_id"
            case .context: "context"
            case .recording: "recording"
            case .transcript: "transcript"
            case .classification: "classification"
            case .callbackID: "callback_id"
            case .mergedInto: "merged_into"
            case .mergedFrom: "merged_from"
            }
        }

        /// True for those that belong to the whole call and are repeated on each of its lines.
        var isOfCall: Bool {
            switch self {
            case .vendorCallID, .contactReference, .campaign, .sipCallID, .context: true
            case .recording, .transcript, .classification, .callbackID, .mergedInto, .mergedFrom: false
            }
        }
    }

    struct Entry: Sendable, Equatable {
        let key: Key
        let value: String
    }

    /// Sorted by key.
    var entries: [Entry] = []

    public init() {}

    public var isEmpty: Bool { entries.isEmpty }

    /// Empty values are not kept.
    public subscript(key: Key) -> String? {
        get { entries.first { $0.key == key }?.value }
        set {
            entries.removeAll { $0.key == key }
            guard let newValue, !newValue.isEmpty else { return }
            let place = entries.firstIndex { $0.key.rawValue > key.rawValue } ?? entries.count
            entries.insert(Entry(key: key, value: newValue), at: place)
        }
    }
}

public struct ExtraField: Sendable, Equatable {
    public let name: String
    public let value: String

    public init(_ name: String, _ value: String) { (self.name, self.value) = (name, value) }
}

/// What the vendor sent.
public struct RawPayload: Sendable, Equatable {
    public enum Encoding: String, CaseIterable, Sendable { case json, text, base64 }

    public var encoding: Encoding
    public var isTruncated: Bool
    /// JSON text for `json`; else the text itself, or Base64.
    public var data: String

    /// Longest payload kept, in bytes of the vendor's message.
    public static let maximumBytes = 64 << 10

    public init(encoding: Encoding, data: String, isTruncated: Bool = false) {
        (self.encoding, self.data, self.isTruncated) = (encoding, data, isTruncated)
    }

    /// A parsed message, compact. One larger than the cap is cut and told as text, since half a JSON text is none.
    public init(json value: JSONValue) {
        var writer = ByteWriter()
        writer.append(json: value)
        if writer.count <= Self.maximumBytes {
            self.init(encoding: .json, data: String(decoding: writer.bytes, as: UTF8.self))
        } else {
            self.init(
                encoding: .text, data: String(decoding: writer.bytes.prefix(Self.maximumBytes), as: UTF8.self),
                isTruncated: true)
        }
    }

    /// Bytes that are no JSON.
    public init(bytes: UnsafeRawBufferPointer) {
        self.init(
            encoding: .base64, data: Base64.encode(UnsafeRawBufferPointer(rebasing: bytes.prefix(Self.maximumBytes))),
            isTruncated: bytes.count > Self.maximumBytes)
    }
}
