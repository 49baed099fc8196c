import BridgeCore
import Codecs
import TestSupport
import Testing

@testable import Adapters

@Suite("Enreach: tokens and their life")
struct EnreachTokenTests {
    static func token(exp: String?) -> EnreachToken? {
        let claims = Base64.encode(Array((exp.map { #"{"sub":"x","exp":\#($0)}"# } ?? #"{"sub":"x"}"#).utf8))
        let text = claims.map { character -> String in
            switch character {
            case "+": "-"
            case "/": "_"
            case "=": ""
            default: String(character)
            }
        }.joined()
        return EnreachToken("eyJhbGciOiJIUzI1NiJ9.\(text).c2ln".utf8)
    }

    private static let now = Timestamp(microseconds: 1_700_000_000_000_000)

    @Test(
        "The end is read where there is one",
        arguments: [
            ("1700000100", 1_700_000_100_000_000), ("1700000100.5", 1_700_000_100_500_000),
            ("1.7e9", 1_700_000_000_000_000),
            (#""1700000100""#, nil), ("-5", nil), ("99999999999999999999", nil), ("null", nil), (nil, nil),
        ] as [(String?, Int64?)])
    func expiry(exp: String?, microseconds: Int64?) {
        #expect(Self.token(exp: exp)?.expiresAt?.microseconds == microseconds)
    }

    @Test(
        "Opaque tokens are taken as they are, without the line end of their file",
        arguments: ["a", "a.b", "a.b.c", "..", "a.!!.c"])
    func opaque(text: String) throws {
        let token = try #require(EnreachToken("  \(text)\r\n".utf8))
        #expect(token.text == text && token.expiresAt == nil)
    }

    @Test("What cannot stand in a header is none", arguments: ["", " \n", "a b", "a\nb", "é", "a\u{0}"])
    func unusable(text: String) { #expect(EnreachToken(text.utf8) == nil) }

    @Test("It prints nothing of itself")
    func printing() throws {
        let token = try #require(EnreachToken("opaque-secret".utf8))
        var dumped = ""
        dump(token, to: &dumped)
        dump(EnreachTokenCache(isRenewable: true), to: &dumped)
        #expect(!"\(token) \(String(reflecting: token)) \(dumped)".contains("opaque-secret"))
    }

    @Test("It is kept until a minute before its end")
    func renewal() throws {
        var cache = EnreachTokenCache(isRenewable: true)
        #expect(cache.usable(at: Self.now) == nil)
        let token = try #require(Self.token(exp: "1700000100"))
        cache.obtained(token)
        #expect(cache.expiresAt?.microseconds == 1_700_000_100_000_000)
        #expect(cache.usable(at: Self.now) == token)
        #expect(cache.usable(at: Self.now.advanced(by: .seconds(40))) == token)
        #expect(cache.usable(at: Self.now.advanced(by: .seconds(41))) == nil)
        let endless = try #require(EnreachToken("opaque".utf8))
        cache.obtained(endless)
        #expect(cache.usable(at: Self.now.advanced(by: .seconds(1_000_000_000))) == endless)
    }

    @Test("After a 401 a fresh one is tried once at once; a second 401 waits, until somebody was let in")
    func refusals() throws {
        var cache = EnreachTokenCache(isRenewable: true)
        let token = try #require(EnreachToken("opaque".utf8))
        cache.obtained(token)
        #expect(cache.refused() == .renew)
        #expect(cache.usable(at: Self.now) == nil)
        cache.obtained(token)
        #expect(cache.refused() == .backOff)
        cache.obtained(token)
        #expect(cache.refused() == .backOff)
        cache.obtained(token)
        cache.accepted()
        #expect(cache.usable(at: Self.now) == token)
        #expect(cache.refused() == .renew)
    }

    @Test("A token that never changes is used to its end and beyond, and a 401 waits at once")
    func fixed() throws {
        var cache = EnreachTokenCache(isRenewable: false)
        let token = try #require(Self.token(exp: "1700000100"))
        cache.obtained(token)
        #expect(cache.usable(at: Self.now.advanced(by: .seconds(1000))) == token)
        #expect(cache.refused() == .backOff)
        #expect(cache.usable(at: Self.now) == token)
    }
}
