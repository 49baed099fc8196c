import Codecs

/// What the simulated EnreachAPI answers, in the vendor's PascalCase.
enum EnreachSimulatedREST {
    /// The user whose login it is.
    static let ownID = UUID128(high: 0xc9ee_b030_ff4b_ea11, low: 0xac9c_0015_5d4f_dcf3)

    static func users(_ office: EnreachOffice) -> String {
        list(office.users) { #"{"Id":"\#($0.id)","UserName":"\#($0.name)","WorkNumber":"\#($0.number)"}"# }
    }

    static func queues(_ office: EnreachOffice) -> String {
        list(office.queues) { queue in
            #"{"Id":"\#(queue.id)","Name":"\#(queue.name)","Numbers":["\#(queue.number)"],"TypeId":4,"Status":"#
                + #"{"OpenStatus":5,"MaxWaitTime":0,"QueueLength":0,"OngoingCalls":0,"AgentsOnWrapUp":0,"#
                + #""FreeAgents":\#(office.users.count),"ServingAgents":\#(office.users.count)}}"#
        }
    }

    static func callLists(_ office: EnreachOffice) -> String {
        list(office.callLists) { #"{"Id":"\#($0.id)","Name":"\#($0.name)"}"# }
    }

    static func availability(
        of user: UUID128, _ known: (state: String, since: Timestamp)?, start: Timestamp
    ) -> String {
        let state = known?.state ?? "Available"
        let number = ["Available": 1, "Busy": 2, "DoNotDisturb": 3, "OffWork": 4][state] ?? 1
        var data = EnreachSimulatedData()
        data.add("UserID", user)
        data.add("EventTypeID", number)
        data.add("Availability", state)
        data.add("StartTime", known?.since ?? start.advanced(by: .seconds(-3600)))
        data.add("EndTime", json: "\"9999-12-31T23:59:59.9999999\"")
        data.add("EventSource", "simulated")
        data.add("Note", "")
        return data.json
    }

    /// The calls that have ended and of which a part lies between the two times.
    static func calls(
        _ records: [EnreachTraffic.Record], from start: String?, to end: String?, now: Timestamp, office: EnreachOffice
    ) -> String {
        let from = start.flatMap { Timestamp.parse($0)?.time } ?? now.advanced(by: .seconds(-86_400))
        let to = end.flatMap { Timestamp.parse($0)?.time } ?? now
        let names = Dictionary(office.users.map { ($0.id, $0.name) }) { $1 }
        let told = records.filter { record in
            let ended = record.start.advanced(by: .seconds(record.seconds))
            return ended <= now && ended >= from && record.start <= to
        }
        return list(told) { record in
            var data = EnreachSimulatedData()
            data.add("CallID", record.call)
            data.add("ANum", record.caller)
            data.add("BNum", record.target)
            data.add("UserID", record.user)
            data.add("UserName", record.user.flatMap { names[$0] })
            data.add("AnswerQueueId", record.queue)
            data.add("TimeStamp", record.start)
            data.add("Duration", record.seconds)
            data.add("Direction", record.isOutbound ? 1 : 0)
            data.add("EndResult", record.wasAnswered ? 0 : 1)
            data.add("CallTypeString", record.queue == nil ? "Direct" : "Service")
            data.add("RecordingIds", json: "[]")
            return data.json
        }
    }

    /// A JWT whose signature nobody checks.
    static func token(expiresAt end: Timestamp, salt: UInt64) -> String {
        let parts = [
            #"{"alg":"HS256","typ":"JWT"}"#,
            #"{"sub":"\#(ownID)","exp":\#(end.microseconds / 1_000_000),"jti":"\#(String(salt, radix: 16))"}"#,
            "signature-\(salt)",
        ]
        return parts.map { base64URL($0) }.joined(separator: ".")
    }

    /// Ids as some servers give them: with characters that a query does not take as they are.
    static func connectionID(_ high: UInt64, _ low: UInt64) -> String {
        Base64.encode(Array("\(String(high, radix: 16))+/\(String(low, radix: 16))".utf8))
    }

    private static func base64URL(_ text: String) -> String {
        String(
            Base64.encode(Array(text.utf8)).compactMap { character -> Character? in
                switch character {
                case "+": "-"
                case "/": "_"
                case "=": nil
                default: character
                }
            })
    }

    private static func list<Item>(_ items: [Item], _ text: (Item) -> String) -> String {
        "[" + items.map(text).joined(separator: ",") + "]"
    }
}
