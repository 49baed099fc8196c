import BridgeCore
import Codecs
import NIOCore
import NIOPosix
import Synchronization
import Transport
import WireProtocols

/// Posts events to a URL, signed as Standard Webhooks wants it.
///
/// Several deliveries are under way at once, each on a connection of its own that is kept for the next; the pump sees to it
/// that those of one call follow each other. A redirect is an answer like others, and not followed.
package final class WebhookSink: Sink {
    package struct Options: Sendable {
        package var url: HTTPURL
        package var form: WebhookMessage.Form
        /// Nil: not signed.
        package var signature: WebhookSignature?
        package var headers: HTTPHeaders
        package var client: HTTPClientConfiguration
        package var concurrency: Int
        package var batchLines: Int

        package init(url: HTTPURL, form: WebhookMessage.Form = .line(contentType: "application/json")) {
            (self.url, self.form) = (url, form)
            (signature, headers, client) = (nil, [:], HTTPClientConfiguration())
            (concurrency, batchLines) = (8, 1)
        }
    }

    /// From the receipt of a live event until nobody wants it any more, where nothing else is configured.
    package static let usualMaximumAge = Duration.seconds(300)

    /// Taken or not is said in the head of an answer. So much of a body is read for the sake of the connection, which can
    /// be kept only behind a whole answer.
    private static let answerBytes = 64 << 10

    package let name: String
    package let needsThread = false
    package let policy: DeliveryPolicy
    private let options: Options
    private let connections: WebhookConnections
    private let now: @Sendable () -> Timestamp

    package init(
        name: String, options: Options, eventLoop: any EventLoop = MultiThreadedEventLoopGroup.singleton.next(),
        now: @escaping @Sendable () -> Timestamp = WallClock.now
    ) {
        (self.name, self.options, self.now) = (name, options, now)
        policy = DeliveryPolicy(
            concurrency: options.concurrency, batchLines: options.batchLines, batchBytes: 1 << 20,
            maximumAge: Self.usualMaximumAge, retries: .remote)
        var client = options.client
        client.sufficientBodyBytes = Self.answerBytes
        connections = WebhookConnections(client, on: eventLoop)
    }

    package func open(cursor: Int64, stream: UUID128) -> Int64 { cursor }

    package func deliver(_ batch: DeliveryBatch) async -> DeliveryOutcome {
        let request = request(for: batch)
        do {
            let response = try await connections.send(request)
            return WebhookVerdict.outcome(of: response.refusal, now: now().microseconds / 1_000_000)
        } catch {
            return .retry(through: nil, reason: "\(error)")
        }
    }

    /// Connections that are kept lead where the name led before.
    package func reopen() { connections.closeIdle() }

    package func close() async { await connections.close() }

    private func request(for batch: DeliveryBatch) -> HTTPClientRequest {
        let message = WebhookMessage(lines: batch.bytes, ends: batch.ends, form: options.form)
        let time = now().microseconds / 1_000_000
        var headers = message.headers
        headers.add("webhook-id", message.id)
        headers.add("webhook-timestamp", "\(time)")
        if let signature = options.signature {
            headers.add("webhook-signature", signature.value(id: message.id, time: time, body: message.body))
        }
        headers.add(options.headers)
        // A repeat has the same id, so that it may be sent again when a kept connection turns out to be closed.
        return HTTPClientRequest(
            "POST", options.url, headers: headers, body: ByteBuffer(bytes: message.body), isRepeatable: true)
    }
}
