/// Invented list elements in the vendor's public shapes (inbound notification and Click2Dial record since v3.0.0), compact
/// JSON as its serialiser writes. The same seed gives the same bytes; no two elements of one generator are equal.
public struct TeleforgeElements: Sendable {
    public static let inboundList = "enigma:notifications:inbound"
    public static let recordList = "enigma:notifications:cdr"

    private static let reasons = [
        ("hungup", 16), ("agent_hungup", 16), ("callee_hungup", 16), ("busy", 17), ("timeout", 18), ("reject", 21),
        ("error", 34), ("voicemail", 16),
    ]

    private var random: SeededGenerator
    private var count = 0

    public init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    /// An element and the call it tells of.
    public struct Element: Sendable {
        public let callReference: String
        public let json: String

        public init(callReference: String, json: String) { (self.callReference, self.json) = (callReference, json) }
    }

    /// A call connected to an agent, about 230 bytes.
    public mutating func inbound() -> Element {
        let (reference, _) = nextReference()
        let json =
            #"{"type":"call","payload":{"number":"\#(number())","dial_number":"\#(ownNumber())","#
            + #""hold_time":\#(int(0...90)),"call_ref":"\#(reference)","contact_ref":"\#(contact())","#
            + #""call_dir":"inbound","ref":"\#(int(1000...4999))"}}"#
        return Element(callReference: reference, json: json)
    }

    /// The end of a call, about 430 bytes.
    public mutating func record() -> Element {
        let (reference, time) = nextReference()
        let (reason, code) = Self.reasons[int(0...Self.reasons.count - 1)]
        let (agent, caller) = (int(1000...4999), number())
        let recording = "/recordings/2023/11/\(int(10...30))/click-dial/\(agent)/\(time)_\(caller)_\(reference)"
        let json =
            #"{"type":"cdr","payload":{"extension":"\#(agent)","number":"\#(caller)","dial_number":"\#(ownNumber())","#
            + #""call_ref":"\#(reference)","contact_ref":"\#(contact())","dialed_at":\#(time),"end_reason":"\#(reason)","#
            + #""end_code":\#(code),"call_time":\#(int(0...600)),"hold_time":\#(int(0...60)),"#
            + #""call_dir":"\#(int(0...9) < 6 ? "outbound" : "inbound")","recording_url":"\#(recording)","#
            + #""ref":"click-dial"}}"#
        return Element(callReference: reference, json: json)
    }

    private mutating func nextReference() -> (reference: String, time: Int) {
        defer { count += 1 }
        let time = 1_700_000_000 + count / 7
        let digits = String(count)
        return ("pbx1-\(time).\(String(repeating: "0", count: max(0, 6 - digits.count)))\(digits)", time)
    }

    private mutating func int(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

    private mutating func number() -> String {
        switch int(0...99) {
        case ..<70: "0\(int(600_000_000...849_999_999))"
        case ..<92: "27\(int(100_000_000...849_999_999))"
        case ..<98: "00\(int(10_000_000_000...1_000_000_000_000))"
        default: "anonymous"
        }
    }

    private mutating func ownNumber() -> String { "2710\(int(1_000_000...9_999_999))" }

    /// The integrator's own reference: a CRM key, unique, sometimes none.
    private mutating func contact() -> String {
        guard int(0...99) >= 15 else { return "" }
        let hex = String(random.next(), radix: 16) + String(random.next(), radix: 16)
        return "crm~\(hex)~case:\(int(1_000_000...9_999_999))~step:\(int(10...99))"
    }
}
