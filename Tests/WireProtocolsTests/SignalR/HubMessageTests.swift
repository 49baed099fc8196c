import Codecs
import NIOCore
import Testing

@testable import WireProtocols

@Suite("SignalR: messages of the JSON hub protocol")
struct HubMessageTests {
    private func words(_ record: String, limits: HubLimits = HubLimits()) -> String {
        do throws(HubRecordError) {
            return switch try HubMessageReader(limits: limits).read(ByteBuffer(string: record)) {
            case .invocation(let invocation): "invocation " + hubWords(invocation)
            case .streamItem: "stream item"
            case .completion(let completion): hubWords(completion)
            case .streamInvocation(let invocation): "stream invocation " + hubWords(invocation)
            case .cancelInvocation(let id): "cancel #\(id)"
            case .ping: "ping"
            case .close(let close): "close \(close.error ?? "-") \(close.allowsReconnect)"
            case .ack: "ack"
            case .sequence: "sequence"
            case .unknown(let type): "unknown \(type)"
            }
        } catch { return "\(error)" }
    }

    @Test(
        "Every type is read, its members in any order and any case, unknown ones left aside",
        arguments: [
            (
                #"{"type":1,"target":"MessageReceived","arguments":[{"a":1},2]}"#,
                "invocation MessageReceived [{\"a\":1},2]"
            ),
            (#"{"arguments":[ ],"target":"t","type":1}"#, "invocation t [ ]"),
            (#"{"TYPE":1,"Target":"t","ARGUMENTS":[],"InvocationID":"7"}"#, "invocation t #7 []"),
            (
                #"{"type":1,"target":"t","arguments":[],"invocationId":"7","streamIds":["1"],"headers":{"a":"b"},"x":{"type":6}}"#,
                "invocation t #7 []"
            ),
            (#"{"type":1,"target":"t\u0065\n","arguments":[],"invocationId":null}"#, "invocation te\n []"),
            (#"{"type":1,"target":"","arguments":[],"invocationId":"ü\u0000"}"#, "invocation  #ü\u{0} []"),
            (#"{"type":1,"target":"t","arguments":[],"invocationId":7}"#, "invocation t #7 []"),
            (#"{"t\u0079pe":1,"target":"t","arguments":[1]}"#, "invocation t [1]"),
            (#"{"type":6,"target":"a","type":1,"arguments":[],"target":"b"}"#, "invocation b []"),
            (#"{"type":2,"invocationId":"1","item":{}}"#, "stream item"), (#"{"type":2}"#, "stream item"),
            (#"{"type":3,"invocationId":"1","result":{"a":[1]}}"#, "completion #1 {\"a\":[1]}"),
            (#"{"type":3,"invocationId":"1","result":null}"#, "completion #1 null"),
            (#"{"type":3,"invocationId":"1","result":"x"}"#, "completion #1 \"x\""),
            (#"{"type":3,"invocationId":"1"}"#, "completion #1 void"),
            (#"{"type":3,"invocationId":"1","error":"bad \"it\""}"#, "completion #1 error 'bad \"it\"'"),
            (#"{"type":3,"invocationId":"1","error":""}"#, "completion #1 error ''"),
            (#"{"type":3,"invocationId":"1","error":null,"result":1}"#, "completion #1 1"),
            (#"{"type":3,"invocationId":"1","error":"e","result":null}"#, "completion #1 error 'e'"),
            (#"{"type":3,"invocationId":"1","error":"e","result":0}"#, "completion #1 contradiction 'e'"),
            (#"{"type":3,"invocationId":"1","error":{"m":1}}"#, "completion #1 error '{\"m\":1}'"),
            (#"{"type":4,"invocationId":"1","target":"t","arguments":[]}"#, "stream invocation t #1 []"),
            (#"{"type":5,"invocationId":"1"}"#, "cancel #1"),
            (#"{"type":6}"#, "ping"), (#" {"type" : 6 , "x":[]} "#, "ping"),
            (#"{"type":7}"#, "close - false"), (#"{"type":7,"error":"gone"}"#, "close gone false"),
            (#"{"type":7,"error":"e","allowReconnect":true}"#, "close e true"),
            (#"{"type":7,"AllowReconnect":true}"#, "close - true"),
            (#"{"type":7,"error":null,"allowReconnect":false}"#, "close - false"),
            (#"{"type":7,"allowReconnect":"yes"}"#, "close - false"),
            (#"{"type":8,"sequenceId":9}"#, "ack"), (#"{"type":9,"sequenceId":1}"#, "sequence"),
            (#"{"type":0}"#, "unknown 0"), (#"{"type":10,"x":1}"#, "unknown 10"), (#"{"type":-1}"#, "unknown -1"),
            (#"{"type":1.0}"#, "unknown 1.0"),
            ("{\"type\":1\(String(repeating: "0", count: 5000))}", "unknown 10000000000000000000"),
        ])
    func types(record: String, expected: String) { #expect(words(record) == expected) }

    @Test(
        "What is no message says what is missing, and where",
        arguments: [
            ("", "a record is no JSON: text ends too early at byte 0"),
            ("{", "a record is no JSON: text ends too early at byte 1"),
            ("{}x", "a record is no JSON: bytes after the value at byte 2"),
            (#"{"type":6,}"#, "a record is no JSON: unexpected byte at byte 10"),
            ("<html>", "a record is no JSON: unexpected byte at byte 0"),
            ("[]", "a record is no JSON object"), ("6", "a record is no JSON object"),
            ("null", "a record is no JSON object"), ("{}", "a record without a type"),
            (#"{"type":"6"}"#, "a record without a type"), (#"{"type":null}"#, "a record without a type"),
            (#"{"type":[6]}"#, "a record without a type"),
            (#"{"type":1,"arguments":[]}"#, "a record of type 1 without a usable 'target'"),
            (#"{"type":1,"target":5,"arguments":[]}"#, "a record of type 1 without a usable 'target'"),
            (#"{"type":1,"target":"t"}"#, "a record of type 1 without a usable 'arguments'"),
            (#"{"type":1,"target":"t","arguments":{}}"#, "a record of type 1 without a usable 'arguments'"),
            (
                #"{"type":1,"target":"t","arguments":[],"invocationId":{}}"#,
                "a record of type 1 without a usable 'invocationId'"
            ),
            (#"{"type":3,"result":1}"#, "a record of type 3 without a usable 'invocationId'"),
            (#"{"type":3,"invocationId":null}"#, "a record of type 3 without a usable 'invocationId'"),
            (#"{"type":4,"target":"t","arguments":[]}"#, "a record of type 4 without a usable 'invocationId'"),
            (#"{"type":5}"#, "a record of type 5 without a usable 'invocationId'"),
        ])
    func faults(record: String, expected: String) { #expect(words(record) == expected) }

    @Test("Nesting is bounded: 64 levels by default")
    func depth() {
        func record(_ depth: Int) -> String {
            let inner = String(repeating: "[", count: depth - 2) + String(repeating: "]", count: depth - 2)
            return #"{"type":1,"target":"t","arguments":["# + inner + "]}"
        }
        #expect(words(record(64)).hasPrefix("invocation t"))
        #expect(words(record(65)).hasPrefix("a record is no JSON: nested deeper than the limit"))
        #expect(words(record(5), limits: HubLimits(depth: 4)).contains("nested deeper"))
    }

    @Test(
        "Methods are the same whatever the case of their letters",
        arguments: ["MessageReceived", "messagereceived", "MESSAGErECEIVED"])
    func methods(spelling: String) throws {
        let record = "{\"type\":1,\"target\":\"\(spelling)\",\"arguments\":[{}]}"
        guard case .invocation(let invocation) = try HubMessageReader().read(ByteBuffer(string: record)) else {
            return #expect(Bool(false), "no invocation")
        }
        #expect(invocation.calls("MessageReceived"))
        #expect(invocation.calls("messageReceived"))
        #expect(!invocation.calls("MessageReceive"))
        #expect(!invocation.calls("MessageReceivee"))
        #expect(invocation.target == spelling)
        #expect(jsonText(invocation.record) == record)
    }

    @Test("A message outlives the buffer that it came in")
    func lifetime() throws {
        var buffer = ByteBuffer(string: #"{"type":3,"invocationId":"1","result":[7]}"#)
        guard case .completion(let completion) = try HubMessageReader().read(buffer) else {
            return #expect(Bool(false), "no completion")
        }
        buffer.clear()
        buffer.writeRepeatingByte(0x78, count: 100)
        #expect(hubWords(completion) == "completion #1 [7]")
    }
}
