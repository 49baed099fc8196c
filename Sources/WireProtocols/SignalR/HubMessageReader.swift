import Codecs
import NIOCore

/// Why a record is no message of the hub protocol.
public enum HubRecordError: Error, Equatable, Sendable {
    case json(JSONError)
    case notObject
    /// A member that the type needs is missing or not of its kind.
    case member(String, type: String)
    /// No `type`, or one that is no number.
    case noType
}

extension HubRecordError {
    /// It has a type that is known, and something is wrong with the rest.
    var isMessage: Bool {
        if case .member = self { return true }
        return false
    }
}

extension HubRecordError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .json(let error): "a record is no JSON: \(error)"
        case .notObject: "a record is no JSON object"
        case .member(let name, let type): "a record of type \(type) without a usable '\(name)'"
        case .noType: "a record without a type"
        }
    }
}

/// Records of the JSON hub protocol to messages. Parses each once and copies its bytes once; what the message holds are
/// places in that document. Names of members are compared without regard to case, unknown ones do not matter.
public struct HubMessageReader: Sendable {
    private let limits: JSONLimits

    public init(limits: HubLimits = HubLimits()) {
        self.limits = JSONLimits(bytes: limits.recordBytes, depth: limits.depth)
    }

    /// `record`: without its end.
    public func read(_ record: ByteBuffer) throws(HubRecordError) -> HubMessage {
        try Members(try object(record)).message()
    }

    /// The record as a JSON object.
    func object(_ record: ByteBuffer) throws(HubRecordError) -> JSONValue {
        let limits = limits
        let root: JSONValue
        do throws(JSONError) {
            root = try record.withUnsafeReadableBytes { (bytes) throws(JSONError) in
                try JSONDocument(bytes, limits: limits).root
            }
        } catch { throw .json(error) }
        guard root.kind == .object else { throw .notObject }
        return root
    }
}

/// The members of a record that mean something, found in one pass; null is as good as missing.
private struct Members {
    let record: JSONValue
    var type: JSONValue?
    var target: JSONValue?
    var arguments: JSONValue?
    var invocationID: JSONValue?
    var result: JSONValue?
    var error: JSONValue?
    var allowReconnect: JSONValue?

    init(_ record: JSONValue) {
        self.record = record
        record.forEachMember { member in
            switch member.nameLength {
            case 4: if member.isNamed(ignoringCase: "type") { type = member.value }
            case 5: if member.isNamed(ignoringCase: "error") { error = member.value }
            case 6:
                if member.isNamed(ignoringCase: "target") { target = member.value }
                if member.isNamed(ignoringCase: "result") { result = member.value }
            case 9: if member.isNamed(ignoringCase: "arguments") { arguments = member.value }
            case 12: if member.isNamed(ignoringCase: "invocationId") { invocationID = member.value }
            case 14: if member.isNamed(ignoringCase: "allowReconnect") { allowReconnect = member.value }
            default: break
            }
        }
    }

    func message() throws(HubRecordError) -> HubMessage {
        guard let type = type?.shortNumber else { throw .noType }
        switch type {
        case "1": return .invocation(try invocation(type))
        case "2": return .streamItem
        case "3": return .completion(HubCompletion(id: try requiredID(type), outcome: outcome))
        case "4":
            _ = try requiredID(type)
            return .streamInvocation(try invocation(type))
        case "5": return .cancelInvocation(id: try requiredID(type))
        case "6": return .ping
        case "7": return .close(HubClose(error: errorText, allowsReconnect: allowReconnect?.bool ?? false))
        case "8": return .ack
        case "9": return .sequence
        default: return .unknown(type: type)
        }
    }

    private func invocation(_ type: String) throws(HubRecordError) -> HubInvocation {
        guard let target = target?.string else { throw .member("target", type: type) }
        guard let arguments, arguments.kind == .array else { throw .member("arguments", type: type) }
        return HubInvocation(id: try id(type), target: target, arguments: arguments, record: record)
    }

    private func requiredID(_ type: String) throws(HubRecordError) -> String {
        guard let id = try id(type) else { throw .member("invocationId", type: type) }
        return id
    }

    /// Text by the protocol; a number is taken as it is spelled.
    private func id(_ type: String) throws(HubRecordError) -> String? {
        guard let value = invocationID, !value.isNull else { return nil }
        guard let text = value.string ?? value.numberText else { throw .member("invocationId", type: type) }
        return text
    }

    private var outcome: HubCompletion.Outcome {
        guard let text = errorText else { return result.map { .value($0) } ?? .void }
        guard let result, !result.isNull else { return .error(text) }
        return .contradiction(error: text)
    }

    /// Text by the protocol; anything else is shown as it stands.
    private var errorText: String? {
        guard let error, !error.isNull else { return nil }
        return error.string ?? String(decoding: error.source, as: UTF8.self)
    }
}

extension JSONValue {
    /// The spelling of a number, cut after 20 characters: no type is that long.
    var shortNumber: String? { kind == .number ? String(decoding: source.prefix(20), as: UTF8.self) : nil }
}
