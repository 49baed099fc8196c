import BridgeCore
import WireProtocols

/// What an answer means for the delivery (Standard Webhooks, and the statuses of RFC 9110).
package enum WebhookVerdict {
    /// `now` in seconds since 1970.
    package static func outcome(of refusal: HTTPRefusal, now: Int64) -> DeliveryOutcome {
        switch refusal.status {
        case 200..<300: .delivered
        case 410:
            .disabled(
                reason: "the server answered HTTP 410: it wants no more events; correct the URL or remove the sink")
        // A redirect is never followed: it would lead signed events to where nobody has configured them to go.
        case 408, 425, 429, 300..<400, 500...:
            .retry(through: nil, reason: "\(refusal)", after: refusal.retryAfter(now: now))
        case 401, 403, 404, 405, 407: .rejected(through: nil, reason: "\(refusal)")
        case 400..<500:
            .rejected(
                through: nil,
                reason: "the server answered \(refusal.answer): it refuses this event; its log may say why")
        default: .retry(through: nil, reason: "\(refusal)")
        }
    }
}
