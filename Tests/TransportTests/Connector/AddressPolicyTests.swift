import NIOCore
import Testing
import Transport

struct AddressPolicyTests {
    private func permits(_ rule: AddressPolicy.Rule, _ address: String) throws -> Bool {
        AddressPolicy([rule]).permits(try SocketAddress(ipAddress: address, port: 443))
    }

    @Test(arguments: [
        ("127.0.0.1", "loopback"), ("127.255.0.9", "loopback"), ("::1", "loopback"), ("::ffff:127.0.0.1", "loopback"),
        ("64:ff9b::7f00:1", "loopback"),
        ("10.1.2.3", "private"), ("172.16.0.1", "private"), ("172.31.255.255", "private"), ("192.168.9.9", "private"),
        ("100.64.0.1", "private"), ("169.254.169.254", "private"), ("fd00::1", "private"), ("fe80::1", "private"),
        ("::ffff:10.0.0.1", "private"), ("64:ff9b::a00:1", "private"),
        ("172.32.0.1", "public"), ("8.8.8.8", "public"), ("2606:4700::1111", "public"), ("100.128.0.1", "public"),
        ("0.0.0.0", "none"), ("224.0.0.1", "none"), ("255.255.255.255", "none"), ("240.0.0.1", "none"), ("::", "none"),
        ("ff02::1", "none"), ("::7f00:1", "none"), ("2002:7f00:1::", "none"), ("2001:0:7f00:1::", "none"),
        ("64:ff9b:1::7f00:1", "none"), ("192.0.2.1", "none"), ("::ffff:0.0.0.0", "none"),
    ])
    func `Every address is of one sort, in whatever spelling`(address: String, sort: String) throws {
        #expect(try permits(.loopback, address) == (sort == "loopback"))
        #expect(try permits(.private, address) == (sort == "private"))
        #expect(try permits(.public, address) == (sort == "public"))
    }

    @Test(arguments: [
        ("192.0.2.0/24", "192.0.2.255", true), ("192.0.2.0/24", "192.0.3.0", false),
        ("10.0.0.0/8", "::ffff:10.9.9.9", true),
        ("192.0.2.7", "192.0.2.7", true), ("192.0.2.7", "192.0.2.8", false),
        ("2001:db8::/33", "2001:db8:7fff::1", true),
        ("2001:db8::/33", "2001:db8:8000::1", false), ("0.0.0.0/0", "1.2.3.4", true),
        ("0.0.0.0/0", "2001:db8::1", false),
    ])
    func `A network holds what has its prefix`(network: String, address: String, expected: Bool) throws {
        #expect(try permits(.network(#require(AddressNetwork(network))), address) == expected)
    }

    @Test(arguments: [
        "", "10.0.0.0/33", "10.0.0.1/8", "10.0.0", "10.0.0.0/", "10.0.0.0/8/8", "::/129", "x", "10.0.0.0/-1",
    ])
    func `What is no network is none`(text: String) { #expect(AddressNetwork(text) == nil) }
}
