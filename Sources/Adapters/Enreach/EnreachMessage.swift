import CallModel
import Codecs

/// One message of a hub: the one argument of `MessageReceived`, taken apart.
struct EnreachMessage {
    /// Why an argument is no message. `event` is the vendor's name for it, as far as that was found.
    struct Failure: Error {
        let event: String
        let tenant: String?
        let problem: Problem
    }

    private static let maximumNameBytes = 128
    /// What a message is called that has no usable name.
    static let method = "MessageReceived"

    private static let names = JSONNameTable(EnreachEvent.knownNames)
    private static let envelope = JSONNameTable(["subscription", "data", "entityId", "eventName"])

    let event: EnreachEvent
    /// The vendor's spelling of its name, whatever the hub's is.
    let name: String
    /// Who is subscribed: the id of a user, queue or call list.
    let entity: String?
    /// As it was sent, for `raw` and for ids.
    let data: JSONValue
    var fields: EnreachObject

    init(_ argument: JSONValue, timeZone: EnreachTimeZone) throws(Failure) {
        guard argument.kind == .object else {
            throw Self.failure(Self.method, .invalidPayload, "expected an object, found \(argument.kind)")
        }
        let (subscription, data) = (Self.member(argument, 0), Self.member(argument, 1))
        guard let subscription, let spelling = Self.member(subscription, 3), let sent = spelling.string, !sent.isEmpty
        else { throw Self.failure(Self.method, .missingField, "subscription.eventName") }
        let known = Self.names.index(ofText: spelling).map { EnreachEvent.knownNames[$0] }
        let name = known ?? String(decoding: sent.utf8.prefix(Self.maximumNameBytes), as: UTF8.self)
        guard let data, data.kind == .object else {
            let found = data.map { "\($0.kind)" } ?? "nothing"
            throw Self.failure(name, .invalidPayload, "expected an object as data, found \(found)")
        }
        guard data.memberCount <= EnreachObject.maximumMembers else {
            throw Self.failure(name, .invalidPayload, "more than \(EnreachObject.maximumMembers) members in data")
        }
        var fields = EnreachObject(data, timeZone: timeZone)
        guard let event = EnreachEvent(rawValue: name) ?? EnreachEvent.aliases[name] else {
            throw Failure(event: name, tenant: fields.id(.organizationID), problem: Problem(.unknownEvent))
        }
        // A number that old hubs sent in place of the name.
        fields.drop("eventType")
        (self.event, self.name, self.data, self.fields) = (event, name, data, fields)
        let entity = Self.member(subscription, 2)?.string
        self.entity = entity.flatMap { $0.utf8.count <= EnreachID.maximumBytes ? EnreachID.normalized($0) : nil }
    }

    private static func failure(_ event: String, _ code: Problem.Code, _ detail: String) -> Failure {
        Failure(event: event, tenant: nil, problem: Problem(code, detail: detail))
    }

    /// The member with the name at `index` of `envelope`; of several the last.
    private static func member(_ value: JSONValue, _ index: Int) -> JSONValue? {
        guard value.kind == .object, value.memberCount <= EnreachObject.maximumMembers else { return nil }
        return value.members.last { envelope.index(of: $0) == index }?.value
    }
}
