import Glibc

/// Whom a certificate must be for.
package enum TLSServerName: Sendable, Equatable {
    /// A DNS name without a dot at its end.
    case name(String)
    /// An IPv4 or IPv6 address without a zone.
    case address(String)

    /// Nil where `text` is neither. OpenSSL would read a leading dot as "any host below", and nothing as "any host".
    package init?(_ text: String) {
        let withoutZone = text.contains(":") ? String(text.prefix { $0 != "%" }) : text
        if Self.isAddress(withoutZone) {
            self = .address(withoutZone)
            return
        }
        let name = text.hasSuffix(".") ? String(text.dropLast()) : text
        guard (1...253).contains(name.utf8.count), !name.hasPrefix("."), name.utf8.allSatisfy(Self.isNameByte) else {
            return nil
        }
        self = .name(name)
    }

    package var text: String {
        switch self {
        case .name(let text), .address(let text): text
        }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }

    private static func isAddress(_ text: String) -> Bool {
        var v4 = in_addr()
        var v6 = in6_addr()
        return inet_pton(AF_INET, text, &v4) == 1 || inet_pton(AF_INET6, text, &v6) == 1
    }
}
