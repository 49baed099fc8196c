/// The head of a request. `target` is what stands on the request line and may hold secrets: it is not for messages.
public struct HTTPRequestHead: Sendable, Equatable {
    public var method: String
    public var target: String
    /// 1 for HTTP/1.1, 0 for HTTP/1.0.
    public var minorVersion: Int
    public var headers: HTTPHeaders

    public init(method: String, target: String, minorVersion: Int = 1, headers: HTTPHeaders = [:]) {
        (self.method, self.target, self.minorVersion, self.headers) = (method, target, minorVersion, headers)
    }

    /// The target up to its query.
    public var path: String { String(target.prefix { $0 != "?" }) }

    /// The first value of `name` in the query, decoded; nil when it is not there or not decodable.
    public func query(_ name: String) -> String? {
        guard let mark = target.firstIndex(of: "?") else { return nil }
        for item in target[target.index(after: mark)...].split(separator: "&") {
            let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if HTTPTarget.decode(parts[0]) == name { return parts.count == 1 ? "" : HTTPTarget.decode(parts[1]) }
        }
        return nil
    }
}

/// The head of a response.
public struct HTTPResponseHead: Sendable, Equatable {
    public var status: Int
    /// As the peer wrote it; may be empty.
    public var reason: String
    public var minorVersion: Int
    public var headers: HTTPHeaders

    public init(status: Int, reason: String? = nil, minorVersion: Int = 1, headers: HTTPHeaders = [:]) {
        (self.status, self.minorVersion, self.headers) = (status, minorVersion, headers)
        self.reason = reason ?? Self.usualReason(status)
    }

    /// What RFC 9110 calls the statuses that are sent here.
    static func usualReason(_ status: Int) -> String {
        switch status {
        case 101: "Switching Protocols"
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 301: "Moved Permanently"
        case 302: "Found"
        case 303: "See Other"
        case 307: "Temporary Redirect"
        case 308: "Permanent Redirect"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 413: "Content Too Large"
        case 426: "Upgrade Required"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 503: "Service Unavailable"
        default: ""
        }
    }
}
