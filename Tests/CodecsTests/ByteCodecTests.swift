import Codecs
import TestSupport
import Testing

@Suite("Bytes and digests")
struct ByteCodecTests {
    @Test(
        "Strings are written with only the needed escapes",
        arguments: [
            ("", #""""#), ("a/b", #""a/b""#), ("\"\\", #""\"\\""#), ("\u{8}\u{C}\n\r\t", #""\b\f\n\r\t""#),
            ("\u{0}\u{1}\u{1F}", #""\u0000\u0001\u001f""#), ("\u{7F}é日😀\u{2028}", "\"\u{7F}é日😀\u{2028}\""),
        ])
    func jsonStrings(_ text: String, _ expected: String) {
        var writer = ByteWriter()
        writer.append(jsonString: text)
        #expect(String(decoding: writer.bytes, as: UTF8.self) == expected)
    }

    @Test("Numbers are written in full", arguments: [0, 7, 10, 99, -1, 1_000_000, Int64.max, .min])
    func decimals(_ value: Int64) {
        var writer = ByteWriter()
        writer.append(decimal: value)
        #expect(String(decoding: writer.bytes, as: UTF8.self) == String(value))
    }

    @Test(
        "Base64 gives the vectors of RFC 4648, section 10, both ways",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ])
    func base64(_ plain: String, _ text: String) {
        #expect(Base64.encode(Array(plain.utf8)) == text)
        #expect(Base64.decode(text) == Array(plain.utf8))
    }

    @Test(
        "What is not canonical Base64 is refused",
        arguments: [
            "Z", "Zg", "Zg=", "Zh==", "Zm9", "Zm9=", "=", "====", "Z===", "Zg==Zg==", "Zm 9", "Zm9v\n", "-_-_", "Zé==",
        ])
    func badBase64(_ text: String) {
        #expect(Base64.decode(text) == nil)
    }

    @Test("Base64 of random bytes reads back")
    func base64RoundTrip() {
        var random = SeededGenerator(seed: SeededGenerator.printedSeed(for: "Base64"))
        for length in 0..<200 {
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
        }
    }

    @Test(
        "SHA-256 gives the published vectors (FIPS 180-4 examples)",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
            (
                String(repeating: "a", count: 1_000_000),
                "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
            ),
        ])
    func sha256(_ text: String, _ expected: String) {
        #expect(Hex.text(Digest.sha256(text)) == expected)
    }

    @Test(
        "MD5 gives the published digests (RFC 1321, appendix A.5), or none where the system forbids it",
        arguments: [
            ("", "d41d8cd98f00b204e9800998ecf8427e"), ("abc", "900150983cd24fb0d6963f7d28e17f72"),
            ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
        ])
    func md5(_ text: String, _ expected: String) {
        guard let digest = Array(text.utf8).withUnsafeBytes({ Digest.md5($0) }) else {
            return printSkip("libcrypto has no MD5 here")
        }
        #expect(Hex.text(digest) == expected)
    }

    private static func version5(_ namespace: UUID128, _ name: String) -> UUID128 {
        Array(name.utf8).withUnsafeBytes { UUID128(namespace: namespace, name: $0) }
    }

    @Test("UUIDv5 gives the example of RFC 9562, appendix A.4, and the namespace and checks of the model")
    func uuidVersion5() throws {
        let dns = try #require(UUID128("6ba7b810-9dad-11d1-80b4-00c04fd430c8"))
        #expect(Self.version5(dns, "www.example.com").description == "2ed6657d-e927-568b-95e1-2665a8aea6a2")
        let url = try #require(UUID128("6ba7b811-9dad-11d1-80b4-00c04fd430c8"))
        let model = Self.version5(url, "urn:cti-bridge:call-event:1")
        #expect(model.description == "52c0ba3f-180e-5275-b4a6-d08c9dcca3ef")
        let checks = [
            ("teleforge/cape/open/1768471200.4711", "c6c304ac-4a70-5bfd-8d99-d3559d879be8"),
            (
                "enreach/hel/call.ringing/0f4d9f8e-5a53-4c8e-8f0e-3f0d8a2b7c11/agent:a1eeb030-ff4b-ea11-ac9c-00155d4fdcf3/#1",
                "55ab125a-3ae1-54eb-b771-04fe8fffd426"
            ),
            (
                "basix/tokyo/call.queued/5714495a-b8a1-4fff-8420-78648863ecd1/queue:10001111/1546839040035125",
                "52beaee1-3028-539d-9368-582e8a120ad2"
            ),
        ]
        for (parts, id) in checks {
            let name = parts.split(separator: "/").joined(separator: "\u{1F}")
            #expect(Self.version5(model, name).description == id)
        }
    }

    @Test("UUIDv7 holds the milliseconds, the version, the variant and the random bits (RFC 9562, section 5.7)")
    func uuidVersion7() {
        // Appendix A.6 of RFC 9562: 2022-02-22T19:22:22Z, rand_a CC3, rand_b 18C4DC0C0C07398F.
        let id = UUID128(milliseconds: 0x017F_22E2_79B0, random: (0xCC3, 0x18C4_DC0C_0C07_398F))
        #expect(id.description == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f")
        let full = UUID128(milliseconds: 0xFFFF_FFFF_FFFF, random: (.max, .max))
        #expect(full.description == "ffffffff-ffff-7fff-bfff-ffffffffffff")
        #expect(UUID128(milliseconds: 1, random: (.max, .max)) < UUID128(milliseconds: 2, random: (0, 0)))
    }

    @Test(
        "Text that is no UUID is refused",
        arguments: [
            "", "017f22e2-79b0-7cc3-98c4-dc0c0c07398", "017f22e2-79b0-7cc3-98c4-dc0c0c07398ff",
            "017f22e279b07cc398c4dc0c0c07398f", "017f22e2_79b0-7cc3-98c4-dc0c0c07398f",
            "g17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
            "{17f22e2-79b0-7cc3-98c4-dc0c0c07398}", "0-17f22e-79b0-7cc3-98c4-dc0c0c07398f",
        ])
    func badUUID(_ text: String) {
        #expect(UUID128(text) == nil)
    }

    @Test("A UUID reads back in either case")
    func uuidRoundTrip() {
        let text = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
        #expect(UUID128(text)?.description == text)
        #expect(UUID128(text.uppercased())?.description == text)
    }
}
