import CallModel
import Codecs
import TestSupport
import Testing

@testable import Adapters

/// The tables of the vendor's documentation: events and helper types, each with its members. Types: g GUID, s text, i whole
/// number, b truth value, d time, and lists of helper types.
enum EnreachDocumentation {
    static let common = "CallerNumber:s CallId:g LegId:s OrganizationId:g TargetNumber:s"
    private static let callback = """
        AssignedUserId:g CalculatedPriority:s CallbackAttempts:CallbackAttempt CallbackExtras:CallbackExtra CallBackId:g \
        CallbackRelatedItems:CallbackRelatedItem CallId:g CallListId:g ChannelIn:s ClassificationId:g ContactMessage:s \
        ContactName:s ContactNumber:s CreationTime:d DueDate:d ExpiryDate:d LastAttemptNote:s LastAttemptTimestamp:d \
        LastAttemptTypeId:i LastAttemptUserId:g LastModifiedUserId:g Modified:d NotBefore:d Note:s OrganizationId:g \
        RecordingId:g TranscriptId:g TypeId:i
        """

    static let events: [(event: EnreachEvent, members: String)] = [
        (.userActionMobileCall, "OrganizationId:g PhoneNumber:s UserId:g"),
        (
            .userAlert,
            "AlertId:g ConditionExpression:s ConditionName:s ConditionValue:s OrganizationId:g UserId:g Value:s"
        ),
        (
            .userAssistedCallbackRequest,
            """
            CallBackId:g CallbackRelatedItems:CallbackRelatedItem CallEvent:s CallId:g CallListId:g CallType:s \
            ContactNumber:s OrganizationId:g TargetUser:g
            """
        ),
        (
            .userAvailability,
            """
            Availability:s EndTime:d EventSource:s Note:s OrganizationId:g ProfileId:g StartTime:d UserId:g UserName:s
            """
        ),
        (.userCallbackChanged, "\(callback) TargetUser:g"),
        (.userCallInArrived, "\(common) UserId:g UserName:s"),
        (.userCallInComing, "\(common) UserId:g Username:s"),
        (.userCallInDisconnected, "\(common) Reason:s TechReason:s UserId:g Username:s"),
        (
            .userCallInOverflow,
            """
            \(common) ConnectedTarget:s OverflowApplet:s TechEvent:s TechNumber:s TechQueueId:g TechQueueName:s \
            TechSource:s UserId:g Username:s
            """
        ),
        (
            .userCallInTransferCancelled,
            """
            \(common) DetailedReason:s Reason:s TechQueueId:g TechQueueName:s TechSource:s TransferApplet:s UserId:g \
            Username:s
            """
        ),
        (
            .userCallInTransferConnected,
            """
            \(common) ConnectedTarget:s TechQueueId:g TechQueueName:s TechSource:s TransferApplet:s TransferSource:s \
            UserId:g Username:s
            """
        ),
        (
            .userCallInTransferStarted,
            """
            \(common) TechQueueId:g TechQueueName:s TechSource:s TransferApplet:s TransferSource:s TransferTarget:s \
            UserId:g Username:s
            """
        ),
        (.userCallInUserAllocated, "\(common) DetailedReason:s UserId:g UserName:s UserNumber:s"),
        (.userCallInUserCancelled, "\(common) DetailedReason:s Reason:s UserId:g UserName:s"),
        (.userCallInUserConnected, "\(common) UserId:g UserName:s UserNumber:s"),
        (.userCallInUserOverflow, "\(common) Reason:s Target:s UserId:g Username:s"),
        (.userCallOutConnected, "\(common) UserId:g UserName:s"),
        (.userCallOutDisconnected, "\(common) Reason:s TechReason:s UserId:g UserName:s"),
        (.userCallOutGoing, "\(common) UserId:g UserName:s"),
        (.userConfigurationSetNextCLI, "Number:s OrganizationId:g Permanent:b TimeToLive:i UserId:g"),
        (.userMissedCallNotification, "CallerName:s CallerNumber:s CallId:g"),
        (.userQueueAlert, "QueueId:g QueueName:s"),
        (
            .userStatus,
            """
            ActiveQueues:i Available:b CanBeAllocatedTo:b OrganizationId:g ParkedCalls:i Schedule:b ServiceTerminals:i \
            Serving:b ServingCallback:b Talking:b UserId:g WrapUpEnd:d
            """
        ),
        (.userVoiceMailNotification, "CalledNumber:s CallId:g EmailTranscript:b"),
        (.queueAttachedUsers, "AttachedUsers:QueueAttachedUser OrganizationId:g QueueId:g"),
        (.queueCallInArrived, "\(common) QueueId:g QueueName:s QueueNumber:s"),
        (.queueCallInComing, "\(common) QueueId:g QueueName:s QueueNumber:s"),
        (.queueCallInDisconnected, "\(common) QueueId:g QueueName:s Reason:s TechReason:s"),
        (
            .queueCallInOverflow,
            """
            \(common) OverflowApplet:s QueueId:g QueueName:s TechEvent:s TechNumber:s TechQueueId:g TechQueueName:s \
            TechSource:s
            """
        ),
        (
            .queueCallInTransferCancelled,
            """
            \(common) DetailedReason:s QueueId:g QueueName:s Reason:s TechQueueId:g TechQueueName:s TechSource:s \
            TransferApplet:s
            """
        ),
        (
            .queueCallInTransferConnected,
            """
            \(common) ConnectedTarget:s QueueId:g QueueName:s TechQueueId:g TechQueueName:s TechSource:s TransferApplet:s
            """
        ),
        (
            .queueCallInTransferStarted,
            """
            \(common) QueueId:g QueueName:s TechQueueId:g TechQueueName:s TechType:s TransferApplet:s TransferSource:s \
            TransferTarget:s
            """
        ),
        (
            .queueCallInUserAllocated,
            "\(common) DetailedReason:s QueueId:g QueueName:s QueueNumber:s UserId:g UserName:s"
        ),
        (
            .queueCallInUserCancelled,
            "\(common) DetailedReason:s QueueId:g QueueName:s QueueNumber:s Reason:s UserId:g UserName:s"
        ),
        (
            .queueCallInUserConnected,
            "\(common) QueueId:g QueueName:s QueueNumber:s UserId:g UserName:s UserNumber:s"
        ),
        (
            .queueStatus,
            """
            MaxWaitTime:i NbrOfAgentsCheckedInQueue:i NbrOfAgentsImmediatelyFree:i NbrOfAgentsLongTermAway:i \
            NbrOfAgentsOnWrapUp:i NbrOfAgentsShortTermAway:i NbrOfAllocated:i NbrOfConnected:i \
            NbrOfNotServedRequesters:i NbrOfProviders:i NbrOfQueuingRequesters:i NbrOfRequesters:i \
            NbrOfServingAgentsEstimate:i OpenStatus:i OrganizationId:g QueueId:g QueueName:s
            """
        ),
        (.callbackChanged, callback),
        (
            .callbackListStatus,
            """
            CallListId:g ExpiresIn24h:i IsAutoAllocate:b NextHourOverDueDate:i NextHourRevealedNotBefore:i \
            OrganizationId:g TotalActiveAgents:i TotalAssigned:i TotalAutoAllocateAgents:i TotalFreeForAllocation:i \
            TotalHidingNotBefore:i TotalOpenRequests:i TotalOverDueDate:i TotalServingAgents:i \
            TotalServingAutoAllocateAgents:i
            """
        ),
        (
            .callbackRequestNotification,
            """
            CalledNumber:s CallerNumber:s CallId:g CBRId:g ContactMessage:s EmailAttach:b EmailTo:s EmailTranscript:b \
            ListId:g RecordingId:g RUser:g SMSTo:s
            """
        ),
        (
            .callbackRequestReceivedNotification,
            "CalledNumber:s CallerNumber:s CallId:g CBRId:g ListId:g RUser:g"
        ),
        (
            .callListNotification,
            "AssignedUserId:g CBRId:g ContactMessage:s ContactName:s ContactNumber:s ListId:g"
        ),
    ]

    static let helpers = [
        "QueueAttachedUser": "Active:b Priority:i UserId:g",
        "CallbackAttempt": "CallbackAttemptTypeId:i Id:g Note:s Timestamp:d UserId:g",
        "CallbackExtra": "Name:s Value:s",
        "CallbackRelatedItem": "Id:g IsClosed:b ListId:g StatusId:i",
    ]

    /// The members of an event, each with a value of its own.
    static func example(_ event: EnreachEvent) -> String {
        var counter = 0
        return example(events.first { $0.event == event }?.members ?? "", counter: &counter).json
    }

    /// An object with a value of its own for each member, and how these values look on a line.
    static func example(_ members: String, counter: inout Int) -> (
        json: String, marks: [(member: String, mark: String)]
    ) {
        var parts: [String] = []
        var marks: [(member: String, mark: String)] = []
        for member in members.split(separator: " ") {
            let words = member.split(separator: ":")
            let (name, type) = (String(words[0]), String(words[1]))
            counter += 1
            var value: String
            switch type {
            case "g":
                let id = "0000000a-0000-4000-8000-" + String(String(counter + 1_000_000_000_000).suffix(12))
                (value, marks) = ("\"\(id)\"", marks + [(name, "\"\(id)\"")])
            case "s":
                let text = "text of \(name) \(counter)"
                (value, marks) = ("\"\(text)\"", marks + [(name, "\"\(text)\"")])
            case "i":
                value = "\(70_000 + counter)"
                marks.append((name, "\(70_000 + counter)"))
            case "b":
                // On the line it has another name; that it is there at all is looked at elsewhere.
                value = "true"
            case "d":
                let digits = String(String(100_000 + counter).suffix(5))
                value = "\"2026-01-15T08:00:00.\(digits)\""
                marks.append((name, "2026-01-15T08:00:00.\(digits)0Z"))
            default:
                let (json, inner) = example(helpers[type] ?? "", counter: &counter)
                (value, marks) = ("[\(json)]", marks + inner.map { ("\(name).\($0.member)", $0.mark) })
            }
            parts.append("\"\(name)\":\(value)")
        }
        return ("{\(parts.joined(separator: ","))}", marks)
    }
}

@Suite("Enreach: every event")
struct EnreachEventTests {
    @Test("The documentation's events are those of the adapter, each once, and each becomes its kind")
    func events() {
        #expect(EnreachDocumentation.events.map(\.event) == EnreachEvent.allCases)
        #expect(EnreachEvent.allCases.count == 41 && EnreachDocumentation.helpers.count == 4)
        #expect(EnreachEvent.allCases.filter(\.kind.isCall).count == 25)
    }

    @Test("Every member of the documentation is known, and nothing else is")
    func members() {
        let lists = EnreachDocumentation.events.map(\.members) + Array(EnreachDocumentation.helpers.values)
        let names = lists.flatMap { $0.split(separator: " ").map { $0.split(separator: ":")[0].lowercased() } }
        #expect(Set(names) == Set(EnreachField.allCases.map { $0.rawValue.lowercased() }))
    }

    @Test("No member of any event is lost: its value is on the line", arguments: EnreachEvent.allCases)
    func nothingLost(_ event: EnreachEvent) throws {
        var counter = 0
        let members = try #require(EnreachDocumentation.events.first { $0.event == event }?.members)
        let (json, marks) = EnreachDocumentation.example(members, counter: &counter)
        var run = EnreachRun()
        let message = try EnreachJSON.value(
            #"{"subscription":{"entityId":"a1eeb030-ff4b-ea11-ac9c-00155d4fdcf3","eventName":"\#(event.rawValue)"},"data":\#(json)}"#
        )
        run.take(message, at: Timestamp(microseconds: 1_768_464_060_000_000))
        #expect(run.unmappedCount == 0)
        let last = try #require(run.events.last)
        #expect(last.kind == event.kind || last.kind == .callEnded)
        #expect(last.source.event == event.rawValue)
        let line = LineWriter.text(last)
        for (member, mark) in marks { #expect(line.contains(mark), "\(member) is missing in \(line)") }
        let truths = members.split(separator: " ").filter { $0.hasSuffix(":b") }.count
        #expect(line.ranges(of: ":true").count >= truths, "a truth value is missing in \(line)")
    }

    @Test("Every event is in a scenario, and told by its line", arguments: EnreachEvent.allCases)
    func scenarios(_ event: EnreachEvent) {
        let name = "\"event\":\"\(event.rawValue)\"}"
        let lines: [String] = ReplayScenario.enreach.reduce(into: []) { $0 += $1.expected }.filter { $0.contains(name) }
        #expect(lines.contains { $0.contains("\"kind\":\"\(event.kind.name)\"") })
    }

    /// What has to occur in the messages of our own scenarios (101 and above).
    private enum Trait: Hashable {
        case style(Style)
        case null, zeros, smallestTime, largestTime
        case digits(Int)
    }

    /// Traits of a message, whatever stands in which member.
    private static func traits(_ value: JSONValue, into traits: inout Set<Trait>) {
        switch value.kind {
        case .object:
            for member in value.members {
                // Names of one word look the same in several styles, and so do those that begin with an abbreviation.
                for style in Style.allCases where style.name(member.name, known: spellings) == member.name {
                    let others = Style.allCases.filter { $0 != style }
                    if others.allSatisfy({ $0.name(member.name, known: spellings) != member.name }) {
                        traits.insert(.style(style))
                    }
                }
                Self.traits(member.value, into: &traits)
            }
        case .array: for element in value.elements { Self.traits(element, into: &traits) }
        case .null: traits.insert(.null)
        case .string: if let trait = value.string.flatMap(Self.trait) { traits.insert(trait) }
        case .number, .boolean: break
        }
    }

    private static func trait(_ text: String) -> Trait? {
        if text == EnreachID.nobody { return .zeros }
        if text.hasPrefix("9999-12-31T") { return .largestTime }
        if text.hasPrefix("0001-01-01T") { return .smallestTime }
        guard text.hasPrefix("2026-"), Timestamp.parse(text) != nil else { return nil }
        let fraction = text.split(separator: ".").dropFirst().first ?? ""
        return .digits(fraction.prefix { $0.isNumber }.count)
    }

    @Test(
        "Each event has scenarios of its own in every spelling, with nulls and zeros, and all forms of times where it has any",
        arguments: EnreachEvent.allCases)
    func ownScenarios(_ event: EnreachEvent) throws {
        let own = ReplayScenario.enreach.filter { Int($0.name.prefix { $0.isNumber }).map { 101...199 ~= $0 } ?? false }
        #expect(own.count >= 27)
        var found: Set<Trait> = []
        for message in own.flatMap({ $0.steps.compactMap(\.message) }) {
            guard let name = message.member(ignoringCase: "subscription")?.member(ignoringCase: "eventName")?.string,
                EnreachEvent.knownName(name) == event.rawValue, let data = message.member(ignoringCase: "data")
            else { continue }
            Self.traits(data, into: &found)
        }
        let types = try #require(EnreachDocumentation.events.first { $0.event == event }?.members)
        var wanted: Set<Trait> = [.style(.pascal), .style(.camel), .style(.lower), .null, .zeros]
        if types.contains(":d") || types.contains(":CallbackAttempt") {
            wanted.formUnion([.smallestTime, .largestTime])
            wanted.formUnion((0...7).map { .digits($0) })
        }
        #expect(wanted.isSubset(of: found), "missing: \(wanted.subtracting(found))")
    }

    /// Names in another case, in all depths.
    enum Style: String, CaseIterable, Sendable {
        case pascal, camel, lower, upper

        func name(_ name: String, known: [String: String]) -> String {
            let name = known[name.lowercased()] ?? name
            switch self {
            case .pascal: return name
            case .lower: return name.lowercased()
            case .upper: return name.uppercased()
            case .camel:
                let capitals = name.prefix { $0.isUppercase }.count
                let lowered = capitals <= 1 || capitals == name.count ? capitals : capitals - 1
                return name.prefix(lowered).lowercased() + name.dropFirst(lowered)
            }
        }
    }

    private static let spellings: [String: String] = {
        let names =
            EnreachField.allCases.map(\.rawValue) + ["EntityId", "EventName", "Subscription", "Data", "eventType"]
        return Dictionary(uniqueKeysWithValues: names.map { ($0.lowercased(), $0) })
    }()

    private static func write(_ value: JSONValue, _ style: Style, to out: inout ByteWriter) {
        switch value.kind {
        case .array:
            out.append("[")
            for (index, element) in value.elements.enumerated() {
                if index > 0 { out.append(",") }
                write(element, style, to: &out)
            }
            out.append("]")
        case .object:
            out.append("{")
            for (index, member) in value.members.enumerated() {
                if index > 0 { out.append(",") }
                let isKnown = spellings[member.name.lowercased()] != nil
                out.append(jsonString: isKnown ? style.name(member.name, known: spellings) : member.name)
                out.append(":")
                write(member.value, style, to: &out)
            }
            out.append("}")
        case .null, .boolean, .number, .string: out.append(json: value)
        }
    }

    @Test("The case of names makes no difference to any line", arguments: ReplayScenario.enreach, Style.allCases)
    func cases(_ scenario: ReplayScenario, _ style: Style) throws {
        var plain = EnreachRun(lifecycle: scenario.lifecycle, raw: .off)
        var styled = EnreachRun(lifecycle: scenario.lifecycle, raw: .off)
        plain.play(scenario)
        for step in scenario.steps {
            switch step.action {
            case "connect": styled.connect(at: step.at)
            case "disconnect": styled.disconnect(at: step.at)
            default:
                guard let message = step.message else { continue }
                var writer = ByteWriter()
                Self.write(message, style, to: &writer)
                styled.take(try JSONDocument(writer.bytes).root, at: step.at)
            }
        }
        #expect(styled.lines == plain.lines)
    }
}
