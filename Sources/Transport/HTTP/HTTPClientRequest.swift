import NIOCore
import WireProtocols

/// How an `HTTPClient` reaches servers, how long it waits, and how much it takes.
package struct HTTPClientConfiguration: Sendable {
    /// For https URLs.
    package var tls: TLSClientConfiguration
    package var proxy: ProxyConfiguration?
    /// Where connections may lead; nil: anywhere.
    package var addresses: AddressPolicy?
    /// Of the stages below HTTP.
    package var timeouts = ConnectionTimeouts()
    /// From the request to the head of the answer.
    package var headTimeout = TimeAmount.seconds(15)
    /// From the head to the end of the body.
    package var bodyTimeout = TimeAmount.seconds(30)
    /// How long an unused connection is kept; less than what servers usually grant.
    package var idleTimeout = TimeAmount.seconds(4)
    package var limits = HTTPLimits()
    /// Where the head says it all: so much of a body is read, and an answer whose body is longer, late, cut or malformed is
    /// handed on with what came of it. Its connection is closed then. Nil: the whole body, or an error.
    package var sufficientBodyBytes: Int?
    /// Requests that wait for their turn; further ones fail.
    package var waitingRequests = 64
    package var userAgent = "cti-bridge"
    /// Hears of the stages of each connection.
    package var observer: ConnectionObserver?

    package init(tls: TLSClientConfiguration = TLSClientConfiguration(), proxy: ProxyConfiguration? = nil) {
        (self.tls, self.proxy) = (tls, proxy)
    }
}

/// One request. Printed without its path, fields and body.
package struct HTTPClientRequest: Sendable, CustomStringConvertible {
    package var method: String
    package var url: HTTPURL
    /// Beside Host, Content-Length and Authorization, which are set here.
    package var headers: HTTPHeaders
    /// Sent to the origin of `url` only, never to one that a redirect leads to.
    package var credentials: HTTPCredentials?
    package var body: ByteBuffer?
    /// So many redirects are followed; 0: a 3xx is an answer like others.
    package var followedRedirects: Int
    /// Whether it may be sent again when a kept connection turns out to be closed: by default, what RFC 9110, section
    /// 9.2.2, calls idempotent.
    package var isRepeatable: Bool

    package init(
        _ method: String = "GET", _ url: HTTPURL, headers: HTTPHeaders = [:], credentials: HTTPCredentials? = nil,
        body: ByteBuffer? = nil, followedRedirects: Int = 0, isRepeatable: Bool? = nil
    ) {
        (self.method, self.url, self.headers, self.credentials) = (method, url, headers, credentials)
        (self.body, self.followedRedirects) = (body, followedRedirects)
        self.isRepeatable = isRepeatable ?? ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"].contains(method)
    }

    package var description: String { "\(method) \(url)" }
}

/// A complete answer, whatever its status.
package struct HTTPClientResponse: Sendable {
    package var head: HTTPResponseHead
    package var body: ByteBuffer
    /// What answered: another one than was asked when redirects were followed.
    package var url: HTTPURL

    package var status: Int { head.status }

    /// The answer as a refusal, for those who needed another one.
    package var refusal: HTTPRefusal { HTTPRefusal(head: head, body: Array(body.readableBytesView.prefix(1024))) }
}

/// A redirect that is not followed.
package enum HTTPRedirectError: Error, Equatable, Sendable {
    case tooMany(limit: Int)
    /// No Location, or one that is no http or https URL.
    case badLocation
    /// From https to http.
    case insecure
}

extension HTTPRedirectError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .tooMany(let limit): "more than \(limit) redirects: give the URL that they lead to"
        case .badLocation: "a redirect without a usable Location: give the right URL"
        case .insecure:
            "a redirect leads from https to http, which would show the request to everyone: give the right URL"
        }
    }
}
