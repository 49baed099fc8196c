import Glibc
import NIOCore

/// To which addresses a connection may lead. Judged on what the name resolved to, for each connection anew, so that no name
/// server can lead it elsewhere.
package struct AddressPolicy: Sendable, Equatable {
    package enum Rule: Sendable, Equatable {
        /// This machine: 127.0.0.0/8 and ::1.
        case loopback
        /// What is not routed in public: RFC 1918, RFC 6598, RFC 4193, and link-local addresses.
        case `private`
        /// What is: neither of the above, nor unspecified, multicast, reserved, or leading to an IPv4 address that it holds
        /// (Teredo, 6to4).
        case `public`
        /// A network, such as 192.0.2.0/24, or a single address.
        case network(AddressNetwork)
    }

    /// One of them must hold.
    package let rules: [Rule]

    package init(_ rules: [Rule]) { self.rules = rules }

    package func permits(_ address: SocketAddress) -> Bool {
        guard let bytes = AddressNetwork.bytes(of: address) else { return false }
        return rules.contains { rule in
            switch rule {
            case .loopback: AddressNetwork.loopback.contains { $0.contains(bytes) }
            case .private: AddressNetwork.privateUse.contains { $0.contains(bytes) }
            case .public:
                !(AddressNetwork.loopback + AddressNetwork.privateUse + AddressNetwork.special).contains {
                    $0.contains(bytes)
                }
            case .network(let network): network.contains(bytes)
            }
        }
    }
}

/// A network of IPv4 or IPv6. IPv4 addresses are kept as IPv6 ones that hold them, so that both spellings are one.
package struct AddressNetwork: Sendable, Equatable {
    private let address: [UInt8]
    private let prefixLength: Int

    /// `192.0.2.0/24`, `2001:db8::/32`, or an address; bits behind the prefix must be zero.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let (address, width) = Self.parse(String(parts[0])) else { return nil }
        var length = width
        if parts.count == 2 {
            guard let given = Int(parts[1]), (0...width).contains(given), parts[1].allSatisfy(\.isNumber) else {
                return nil
            }
            length = given
        }
        self.address = address
        prefixLength = length + 128 - width
        guard address == masked(address) else { return nil }
    }

    func contains(_ other: [UInt8]) -> Bool { masked(other) == address }

    private func masked(_ bytes: [UInt8]) -> [UInt8] {
        bytes.enumerated().map { index, byte in
            let bits = min(8, max(0, prefixLength - index * 8))
            return bits == 0 ? 0 : byte & (0xFF << (8 - UInt8(bits)))
        }
    }

    private static let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
    /// 64:ff9b::/96 (RFC 6052): a translator leads to the IPv4 address at its end.
    private static let translated: [UInt8] = [0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0]

    private static func parse(_ text: String) -> (bytes: [UInt8], width: Int)? {
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            return (mapped + withUnsafeBytes(of: four.s_addr) { Array($0) }, 32)
        }
        var six = in6_addr()
        guard inet_pton(AF_INET6, text, &six) == 1 else { return nil }
        return (withUnsafeBytes(of: six) { Array($0) }, 128)
    }

    static func bytes(of address: SocketAddress) -> [UInt8]? {
        guard let bytes = address.ipAddress.flatMap({ parse($0)?.bytes }) else { return nil }
        return bytes.starts(with: translated) ? mapped + Array(bytes.suffix(4)) : bytes
    }

    private static func all(_ texts: String...) -> [AddressNetwork] { texts.compactMap { AddressNetwork($0) } }

    static let loopback = all("127.0.0.0/8", "::1")
    static let privateUse = all(
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "fc00::/7", "fe80::/10")
    static let special = all(
        "0.0.0.0/8", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/3",
        "::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16",
        "fec0::/10", "ff00::/8")
}
