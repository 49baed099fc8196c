import Codecs
import Sinks
import Testing

@Suite struct LineTemplateTests {
    private func name(_ template: String, _ line: [UInt8]) throws -> String {
        let template = try LineTemplate(template)
        return line.dropLast().withUnsafeBytes { template.text(for: $0) }
    }

    @Test func `Placeholders stand for what the event says`() throws {
        #expect(
            try name("cti:{tenant}:{source}:{vendor}:{kind}:{queue}:{agent}:{direction}", callLine(1))
                == "cti:acme:cape:teleforge:call.answered:sales:1001:inbound")
        #expect(try name("cti:events", callLine(1)) == "cti:events")
        #expect(try LineTemplate("cti:events").isConstant && !LineTemplate("cti:{kind}").isConstant)
        #expect(try name("cti:{queue}:{agent}", line(1)) == "cti:-:-")
        #expect(try name("cti:{tenant}", line(1, tenant: nil)) == "cti:-")
        #expect(try LineTemplate("a:{queue}:{agent}").text(filledWith: "x") == "a:x:x")
    }

    @Test(arguments: [
        ("../../etc", "..%2F..%2Fetc"), ("a:b", "a%3Ab"), ("*", "%2A"), ("a b\n", "a%20b%0A"), ("", "-"),
        ("\"\\", "%22%5C"), ("\u{E9}", "%C3%A9"), ("{queue}", "%7Bqueue%7D"), ("\0", "%00"),
    ])
    func `What an event fills in stays one part of the name`(tenant: String, part: String) throws {
        #expect(try name("cti:{tenant}:x", line(1, tenant: tenant)) == "cti:\(part):x")
    }

    @Test func `A name is bounded, and two long values that differ have different names`() throws {
        let long = String(repeating: "7", count: 100_000)
        let first = try name("cti:{tenant}", line(1, tenant: long + "1"))
        let second = try name("cti:{tenant}", line(1, tenant: long + "2"))
        #expect(first.utf8.count == "cti:".utf8.count + LineTemplate.maximumValueBytes)
        #expect(first != second)
        #expect(try name("cti:{tenant}", line(2, tenant: long + "1")) == first)
    }

    @Test(arguments: [
        ("{tenant}", "does not begin with text of its own"), ("", "does not begin with text of its own"),
        ("cti:{tenant", "a '{' without '}'"), ("cti:{number}", "unknown placeholder {number}"),
        ("cti:{queue}}", "a '}' without '{'"), ("cti: x", "a blank or a control character"),
        (String(repeating: "x", count: 257), "too long"),
        ("x" + String(repeating: "{kind}", count: 9), "too long"),
    ])
    func `A template that confines nothing is refused`(text: String, cause: String) {
        let mistake = #expect(throws: PlaceholderMistake.self) { try LineTemplate(text) }
        #expect(mistake?.cause.contains(cause) == true)
    }
}
