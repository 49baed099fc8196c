import CallModel
import Codecs
import Foundation
import TestSupport
import Testing

@Suite("Lines and the schema")
struct SchemaTests {
    private static let validator = Result { try SchemaValidator.callEvent() }
    private static let schema = Result { try JSONDocument(Array(SchemaValidator.schemaText())) }

    @Test("A line of each kind with all its blocks is valid", arguments: Kind.allCases)
    func everyKindIsValid(_ kind: Kind) throws {
        let line = FullEvents.make(kind).line
        #expect(try Self.validator.get().faults(of: line) == [], "\(line)")
    }

    @Test("A line of each kind reads back equal, and writes the same bytes again", arguments: Kind.allCases)
    func everyKindReadsBack(_ kind: Kind) throws {
        let event = FullEvents.make(kind)
        let read = try LineReader.read(event.line)
        #expect(read == event)
        #expect(read.line == event.line)
    }

    @Test("Members stand in the order of the schema's properties, in every block", arguments: Kind.allCases)
    func keyOrder(_ kind: Kind) throws {
        let schema = try Self.schema.get()
        let line = try JSONDocument(Array(FullEvents.make(kind).line.utf8))
        checkOrder(of: line.root, schema.root, definitions: try #require(schema.root["$defs"]), path: kind.name)
    }

    @Test("The kinds and their order are those of the schema")
    func kinds() throws {
        let schema = try Self.schema.get()
        let names = schema.root["properties"]?["kind"]?["enum"]?.elements.compactMap(\.string)
        #expect(names == Kind.allCases.map(\.name))
        #expect(Kind.allCases.count == 47)
        #expect(Kind.allCases.allSatisfy { Kind(name: $0.name) == $0 })
        #expect(Kind(name: "call.unheard") == nil)
    }

    @Test("The full events use every block of the schema")
    func everyBlockIsUsed() throws {
        let schema = try Self.schema.get()
        var unused = Set(schema.root["properties"]?.members.map(\.name) ?? [])
        for kind in Kind.allCases {
            let line = try JSONDocument(Array(FullEvents.make(kind).line.utf8))
            unused.subtract(line.root.members.map(\.name))
        }
        #expect(unused == [])
    }

    @Test("The validator finds each of these faults", arguments: Self.broken)
    func validatorFindsFaults(_ edit: Edit) throws {
        let good = FullEvents.make(edit.kind).line
        #expect(good.contains(edit.find), "nothing to replace")
        let bad = good.replacingOccurrences(of: edit.find, with: edit.replacement)
        #expect(try Self.validator.get().faults(of: bad) != [], "\(edit.find) -> \(edit.replacement)")
    }

    struct Edit: Sendable, CustomTestStringConvertible {
        let kind: Kind
        let find: String
        let replacement: String
        var testDescription: String { "\(kind.name): \(find) -> \(replacement)" }
        init(_ kind: Kind, _ find: String, _ replacement: String) {
            (self.kind, self.find, self.replacement) = (kind, find, replacement)
        }
    }

    static let broken: [Edit] = [
        Edit(.callQueued, "\"v\":1", "\"v\":2"),
        Edit(.callQueued, "\"v\":1", "\"v\":true"),
        Edit(.callQueued, "\"v\":1", "\"v\":1,\"typo\":1"),
        Edit(.callQueued, "call.queued", "call.waits"),
        Edit(.callQueued, "\"seq\":7", "\"seq\":0"),
        Edit(.callQueued, "\"seq\":7", "\"seq\":7.5"),
        Edit(.callQueued, "\"seq\":7", "\"seq\":\"7\""),
        Edit(.callQueued, "\"queue\":", "\"agent\":"),
        Edit(.callQueued, "\"vendor\":\"enreach\"", "\"vendor\":\"Enreach\""),
        Edit(.callQueued, "\"id\":\"hel:", "\"id\":\"hel;"),
        Edit(.callQueued, "\"e164\":\"+358", "\"e164\":\"+058"),
        Edit(.callQueued, "\"late\":true", "\"late\":false"),
        Edit(.callQueued, "\"refs\":{", "\"trunk2\":{"),
        Edit(.callQueued, "+358", ""),
        Edit(.callRinging, "\"alerting\":2", "\"alerting\":-1"),
        Edit(.callEnded, "\"state\":\"ended\"", "\"state\":\"talking\""),
        Edit(.callEnded, "\"closure\":\"vendor\",", ""),
        Edit(.callEnded, "\"sip\":486", "\"sip\":199"),
        Edit(.callEnded, "\"sip\":486", "\"sip\":700"),
        Edit(.callEnded, "\"contacts\":[{", "\"contacts\":[],\"x\":[{"),
        Edit(.callEnded, "\"total_ms\":65000", "\"total_ms\":-1"),
        Edit(.callEnded, ".000000Z\",\"queued_at\"", ".000Z\",\"queued_at\""),
        Edit(.queueStatus, "\"longest_wait\":12", "\"longest_wait\":\"12\""),
        Edit(.queueMembers, "\"agent_id\"", "\"id\""),
        Edit(.callbackChanged, "\"closed\":true", "\"closed\":1"),
        Edit(.sourceGap, "\"recoverable\":\"queue\"", "\"recoverable\":\"maybe\""),
        Edit(.sourceHeartbeat, "\"time_source\":\"vendor\"", "\"time_source\":\"received\""),
    ]

    private func checkOrder(of value: JSONValue, _ schema: JSONValue, definitions: JSONValue, path: String) {
        var schema = schema
        if let reference = schema["$ref"]?.string, let name = reference.split(separator: "/").last {
            schema = definitions.members.first { $0.name == name }?.value ?? schema
        }
        if let items = schema["items"] {
            for (index, item) in value.elements.enumerated() {
                checkOrder(of: item, items, definitions: definitions, path: "\(path)/\(index)")
            }
        }
        let properties = schema["properties"]?.members ?? []
        guard !properties.isEmpty else { return }
        let order = Dictionary(uniqueKeysWithValues: properties.enumerated().map { ($1.name, $0) })
        var last = -1
        for member in value.members {
            // Counters and vendor fields have names of their own and come behind.
            guard let place = order[member.name] else { continue }
            #expect(place > last, "\(path): \(member.name) stands too late")
            last = place
            checkOrder(
                of: member.value, properties[place].value, definitions: definitions, path: "\(path)/\(member.name)")
        }
    }
}
