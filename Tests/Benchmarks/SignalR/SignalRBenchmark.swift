import Codecs
import Foundation
import NIOCore
import TestSupport
import WireProtocols

/// How many MessageReceived records a second one core cuts, parses and reads: `SignalRBenchmark [SECONDS]`.
@main
struct SignalRBenchmark {
    private static let names = [
        "callerNumber", "callId", "legId", "organizationId", "targetNumber", "userId", "userName", "queueId", "reason",
        "techReason",
    ]

    static func main() throws {
        let seconds = CommandLine.arguments.dropFirst().first.flatMap(Double.init) ?? 2
        let records = makeRecords(2000)
        let bytes = records.reduce(0) { $0 + $1.count } / records.count
        print("MessageReceived records of \(bytes) bytes on average, on one thread")
        for perMessage in [1, 20] {
            let messages = stride(from: 0, to: records.count, by: perMessage).map { start in
                ByteBuffer(bytes: records[start..<start + perMessage].flatMap { $0 })
            }
            try measure("\(perMessage) a message: cut", seconds) { try cut(messages) }
            try measure("\(perMessage) a message: cut and parsed", seconds) { try parse(messages) { _ in 1 } }
            try measure("\(perMessage) a message: cut, parsed, every member read", seconds) {
                try parse(messages, readAll)
            }
        }
    }

    private struct Fault: Error {}

    /// The best of five runs, so that what else the machine does counts least. `pass` gives the number of records.
    private static func measure(_ what: String, _ seconds: Double, _ pass: () throws -> Int) throws {
        _ = try pass()
        var best = 0.0
        for _ in 0..<5 {
            let began = ContinuousClock.now
            var (count, spent) = (0, 0.0)
            repeat {
                count += try pass()
                spent = (ContinuousClock.now - began) / .seconds(1)
            } while spent < seconds / 5
            best = max(best, Double(count) / spent)
        }
        print("\(what): \(Int(best)) records/s")
    }

    private static func cut(_ messages: [ByteBuffer]) throws -> Int {
        var splitter = HubRecordSplitter(limitBytes: 4 << 20)
        var count = 0
        for message in messages {
            splitter.receive(message)
            while try splitter.next() != nil { count += 1 }
        }
        return count
    }

    /// Through a client's session, as an adapter does.
    private static func parse(_ messages: [ByteBuffer], _ look: (HubInvocation) -> Int) throws -> Int {
        let now = NIODeadline.uptimeNanoseconds(1_000_000_000)
        var session = HubClientSession(now: now)
        session.receive(.text("{}\u{1E}"), now: now)
        var (count, sum) = (0, 0)
        for message in messages {
            session.receive(.text(message), now: now)
            while let event = session.nextEvent(now: now) {
                guard case .invocation(let invocation) = event, invocation.calls("MessageReceived") else { continue }
                sum &+= look(invocation)
                count += 1
            }
        }
        guard count > 0, sum > 0 else { throw Fault() }
        return count
    }

    private static func readAll(_ invocation: HubInvocation) -> Int {
        guard let message = invocation.arguments[0],
            let subscription = message.member(ignoringCase: "subscription"),
            let data = message.member(ignoringCase: "data")
        else { return 0 }
        var sum = subscription.member(ignoringCase: "entityId").flatMap { UUID128($0.string ?? "") } == nil ? 0 : 1
        sum += subscription.member(ignoringCase: "eventName")?.string?.utf8.count ?? 0
        data.forEachMember { sum &+= $0.name.utf8.count &+ ($0.value.string?.utf8.count ?? 0) }
        return sum
    }

    /// As ASP.NET Core writes them.
    private static func makeRecords(_ count: Int) -> [[UInt8]] {
        var random = SeededGenerator(seed: 5)
        func id() -> String { "\(UUID128(high: random.next(), low: random.next()))" }
        return (0..<count).map { number in
            let entity = id()
            let event = ["usercallincoming", "usercallinuserconnected", "queuecallindisconnected"][number % 3]
            let members = names.map { name in
                let value =
                    switch name {
                    case "callerNumber", "targetNumber": "+35840\(1_000_000 + number)"
                    case "userName": number % 4 == 0 ? "Zoë Virtanen" : "Some Body"
                    case "reason": "remote"
                    case "techReason": "Normal call clearing"
                    case "legId": "7f3a\(number)@10.20.30.40_br1"
                    default: id()
                    }
                return "\"\(name)\":\"\(value)\""
            }
            let text =
                #"{"type":1,"target":"MessageReceived","arguments":[{"subscription":{"entityId":"\#(entity)","#
                + #""eventName":"\#(event)"},"data":{\#(members.joined(separator: ",")),"endTime":null}}]}"#
            return Array(text.utf8) + [0x1E]
        }
    }
}
