/// Which lines carry the vendor's message.
public enum RawPolicy: String, CaseIterable, Sendable {
    case off
    case onUnmapped = "on_unmapped"
    case onCallEnd = "on_call_end"
    case full
}
