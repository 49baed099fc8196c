import BridgeCore
import Codecs

/// Signs a delivery as Standard Webhooks wants it: HMAC-SHA-256 over id, time and body.
package struct WebhookSignature: Sendable, Equatable {
    /// One key; the specification asks for 24 to 64 bytes.
    package struct Key: Sendable, Equatable {
        package let secret: Secret

        /// `whsec_` and Base64, as receivers are given it; the prefix may be missing.
        package init?(_ text: Secret) {
            let text = String(decoding: text.bytes, as: UTF8.self)
            let encoded = text.hasPrefix("whsec_") ? String(text.dropFirst(6)) : text
            guard let bytes = Base64.decode(encoded), (24...64).contains(bytes.count) else { return nil }
            secret = Secret(bytes)
        }
    }

    /// The first is the one that stays; more while keys are changed.
    package let keys: [Key]

    package init(keys: [Key]) { self.keys = keys }

    /// The value of `webhook-signature`. `time` in seconds since 1970.
    package func value(id: String, time: Int64, body: [UInt8]) -> String {
        let signed = Array("\(id).\(time).".utf8) + body
        return keys.map { key in
            let code = signed.withUnsafeBytes { Digest.hmacSHA256(key: key.secret.bytes, $0) }
            return "v1,\(Base64.encode(code))"
        }.joined(separator: " ")
    }
}
