import Codecs

/// Who we are to a server, as the value of the Authorization field. Prints nothing of itself; compared in a time that does
/// not depend on where the first difference is.
public struct HTTPCredentials: Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    /// The value of the field: a secret.
    public let field: String

    /// RFC 7617; nil where `username` has a colon, which would end it, or either has a control character.
    public static func basic(username: String, password: [UInt8]) -> HTTPCredentials? {
        let isPlain = { (byte: UInt8) in byte >= 0x20 && byte != 0x7F }
        guard !username.contains(":"), username.utf8.allSatisfy(isPlain), password.allSatisfy(isPlain) else {
            return nil
        }
        return HTTPCredentials(text: "Basic " + Base64.encode(Array(username.utf8) + [UInt8(ascii: ":")] + password))
    }

    /// RFC 6750; nil where the token is empty or has anything but visible ASCII.
    public static func bearer(_ token: [UInt8]) -> HTTPCredentials? {
        guard !token.isEmpty, token.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        return HTTPCredentials(text: "Bearer " + String(decoding: token, as: UTF8.self))
    }

    private init(text: String) { field = text }

    /// From an Authorization field; the case of the scheme does not matter. Nil for any other scheme.
    public init?(field: String) {
        let parts = field.split(separator: " ", maxSplits: 1)
        guard parts.count == 2 else { return nil }
        let rest = parts[1].drop { $0 == " " }
        if HTTPSyntax.equal(parts[0], "Basic") {
            self.field = "Basic \(rest)"
        } else if HTTPSyntax.equal(parts[0], "Bearer") {
            self.field = "Bearer \(rest)"
        } else {
            return nil
        }
    }

    /// The user of Basic credentials.
    public var username: String? {
        guard field.hasPrefix("Basic "), let bytes = Base64.decode(String(field.dropFirst(6))),
            let colon = bytes.firstIndex(of: UInt8(ascii: ":"))
        else { return nil }
        return String(validating: bytes[..<colon], as: UTF8.self)
    }

    /// The token of Bearer credentials: a secret.
    public var bearerToken: String? { field.hasPrefix("Bearer ") ? String(field.dropFirst(7)) : nil }

    public var description: String { "HTTPCredentials(hidden)" }
    public var debugDescription: String { description }
}

extension HTTPCredentials: Equatable {
    public static func == (left: HTTPCredentials, right: HTTPCredentials) -> Bool {
        let (expected, given) = (Array(left.field.utf8), Array(right.field.utf8))
        var difference = expected.count ^ given.count
        for (index, byte) in given.enumerated() where !expected.isEmpty {
            difference |= Int(byte ^ expected[index % expected.count])
        }
        return difference == 0
    }
}
