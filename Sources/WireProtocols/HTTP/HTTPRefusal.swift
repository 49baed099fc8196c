/// An answer that is complete and not the one that was hoped for. Printed as one sentence with advice.
public struct HTTPRefusal: Error, Sendable, Equatable {
    public let status: Int
    public let reason: String
    public let headers: HTTPHeaders
    /// The first KiB of the body, as far as it came.
    public let body: [UInt8]

    /// How much of a body is kept.
    public static let bodyBytes = 1024

    public init(head: HTTPResponseHead, body: [UInt8]) {
        (status, reason, headers) = (head.status, head.reason, head.headers)
        self.body = Array(body.prefix(Self.bodyBytes))
    }

    /// When the server wants to be asked again, where it says so in seconds (RFC 9110, section 10.2.3); a day at most.
    public var retryAfter: Duration? {
        guard let text = headers.first("Retry-After"), let seconds = HTTPSyntax.decimal(Array(text.utf8)) else {
            return nil
        }
        return .seconds(min(seconds, 86_400))
    }

    /// As `retryAfter`, also where the server names a date; `now` in seconds since 1970.
    public func retryAfter(now: Int64) -> Duration? {
        if let retryAfter { return retryAfter }
        guard let date = headers.first("Retry-After").flatMap(HTTPDate.seconds) else { return nil }
        return .seconds(min(max(0, date - now), 86_400))
    }

    /// The same request would be answered the same until somebody changes something, here or there.
    public var isLasting: Bool {
        switch status {
        case 408, 425, 429, 500...599: false
        default: true
        }
    }
}

extension HTTPRefusal: CustomStringConvertible {
    public var description: String { "the server answered \(answer)\(advice)" }

    /// Status and reason, without advice.
    public var answer: String {
        reason.isEmpty ? "HTTP \(status)" : "HTTP \(status) (\(HTTPSyntax.printable(Array(reason.utf8), limit: 60)))"
    }

    private var advice: String {
        switch status {
        case 200..<300:
            " with \(contentType), which is not what was asked for: the path leads to something else, check the URL"
        case 300..<400:
            ", a redirect\(place), which is not followed here: give the new URL"
        case 400: ": the server did not understand the request; check the path, the query, and the protocol version"
        case 401: ": user or password are wrong or missing; correct the credentials"
        case 403: ": these credentials may not do this; give the user the right, or use others"
        case 404, 410: ": there is nothing at this path; check the URL"
        case 405: ": the path leads to something else; check the URL"
        case 407: ": a proxy wants credentials; give them with the proxy"
        case 426: ": the server wants another protocol or version; a proxy in between may have removed the upgrade"
        case 429: ": there were too many attempts; make them fewer\(later)"
        case 502, 504: ": the proxy in front does not reach the server; look whether that runs"
        case 503: ": the server is not ready; wait until it is\(later)"
        case 500..<600: ": the server failed; look into its log"
        default: ", which is not what was asked for: check the URL"
        }
    }

    private var contentType: String {
        headers.first("Content-Type").map { HTTPSyntax.printable(Array($0.prefix { $0 != ";" }.utf8), limit: 60) }
            ?? "no content type"
    }

    /// Where a redirect leads, without the path and query, which may hold secrets.
    private var place: String {
        guard let location = headers.first("Location"), let url = HTTPURL(location) else { return "" }
        return " to \(url)"
    }

    private var later: String { retryAfter.map { ", \($0.components.seconds) s as it asks" } ?? "" }
}
