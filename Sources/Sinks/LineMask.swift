import BridgeCore
import Codecs

/// Hides who called whom from one sink: numbers, names and contacts. Ids stay, so that calls can still be followed.
///
/// What a mask cannot judge is left out of masked lines: `raw`, `extra`, and the free texts `note` and `message`.
package struct LineMask: Sendable, Equatable {
    package enum Method: Sendable, Equatable {
        /// The member is left out, and an object that loses its last member with it.
        case drop
        /// `***` and the last four characters; of four or fewer only `***`.
        case last4
        /// 32 hexadecimal digits of HMAC-SHA-256: equal texts stay equal, for whoever has the secret they can be checked.
        case hmac(Secret)
    }

    /// `number` and `e164`, but for those of queues and trunks.
    package let numbers: Method?
    /// `name` of callers, agents, targets, owners and directory entries, with label and email of the last.
    package let names: Method?
    /// Everything in `contacts`, and every `contact_…`.
    package let contacts: Method?

    package init(numbers: Method?, names: Method?, contacts: Method?) {
        (self.numbers, self.names, self.contacts) = (numbers, names, contacts)
    }

    private static let leftOut = ["raw", "extra", "note", "message"]
    /// Objects whose names and numbers are those of things, not of people.
    private static let things = ["source", "queue", "trunk", "treatment", "alert", "conference"]
    /// Deeper than any line of ours.
    private static let maximumDepth = 8

    /// Appends the masked line, without a newline. A line that cannot be read as an object becomes `{}`.
    package func append(_ line: UnsafeRawBufferPointer, to out: inout ByteWriter) {
        guard let end = LineMembers.forEach(in: line, { _, _ in true }) else { return out.append("{}") }
        appendObject(line, 0..<end, called: "", isContact: false, depth: 0, to: &out)
    }

    /// False when nothing was left of it; then nothing was written.
    @discardableResult
    private func appendObject(
        _ line: UnsafeRawBufferPointer, _ range: Range<Int>, called name: String, isContact: Bool, depth: Int,
        to out: inout ByteWriter
    ) -> Bool {
        let start = out.count
        out.append(UInt8(ascii: "{"))
        var isEmpty = true
        LineMembers.forEach(in: line, at: range.lowerBound) { key, value in
            let member = String(decoding: line[key], as: UTF8.self)
            guard !Self.leftOut.contains(member) else { return true }
            let before = out.count
            if !isEmpty { out.append(UInt8(ascii: ",")) }
            out.append(UnsafeRawBufferPointer(rebasing: line[key.lowerBound - 1...key.upperBound + 1]))
            // Names and numbers of the object itself are those of a thing; a person may be deeper in it.
            let isThing = Self.things.contains(name)
            let method = isContact ? contacts : method(for: member, inThing: isThing)
            let isContacts = isContact || member == "contacts"
            if appendValue(line, value, member, method, isContact: isContacts, depth: depth, to: &out) {
                isEmpty = false
            } else {
                out.truncate(to: before)
            }
            return true
        }
        guard !isEmpty || line[range.lowerBound + 1] == UInt8(ascii: "}") || depth == 0 else {
            out.truncate(to: start)
            return false
        }
        out.append(UInt8(ascii: "}"))
        return true
    }

    private func appendValue(
        _ line: UnsafeRawBufferPointer, _ value: Range<Int>, _ member: String, _ method: Method?, isContact: Bool,
        depth: Int, to out: inout ByteWriter
    ) -> Bool {
        let bytes = UnsafeRawBufferPointer(rebasing: line[value])
        switch bytes.first {
        case UInt8(ascii: "{") where depth < Self.maximumDepth:
            return appendObject(line, value, called: member, isContact: isContact, depth: depth + 1, to: &out)
        case UInt8(ascii: "["):
            if isContact, contacts == .drop { return false }
            return appendList(line, value, member, method, isContact: isContact, depth: depth + 1, to: &out)
        case UInt8(ascii: "\""):
            guard let method else { break }
            return append(masked: bytes, by: method, to: &out)
        default: break
        }
        out.append(bytes)
        return true
    }

    private func appendList(
        _ line: UnsafeRawBufferPointer, _ range: Range<Int>, _ member: String, _ method: Method?, isContact: Bool,
        depth: Int, to out: inout ByteWriter
    ) -> Bool {
        let start = out.count
        var isEmpty = true
        out.append(UInt8(ascii: "["))
        LineMembers.forEachElement(in: line, at: range.lowerBound) { element in
            let before = out.count
            if !isEmpty { out.append(UInt8(ascii: ",")) }
            if appendValue(line, element, member, method, isContact: isContact, depth: depth, to: &out) {
                isEmpty = false
            } else {
                out.truncate(to: before)
            }
            return true
        }
        guard !isEmpty || range.count == 2 else {
            out.truncate(to: start)
            return false
        }
        out.append(UInt8(ascii: "]"))
        return true
    }

    private func method(for member: String, inThing isThing: Bool) -> Method? {
        if member.hasPrefix("contact_") { return contacts ?? (member == "contact_number" ? numbers : names) }
        guard !isThing else { return nil }
        switch member {
        case "number", "e164": return numbers
        case "name", "label", "email": return names
        default: return nil
        }
    }

    /// `text` in its quotation marks. False when it is dropped.
    private func append(masked text: UnsafeRawBufferPointer, by method: Method, to out: inout ByteWriter) -> Bool {
        let plain = (try? JSONDocument(text, limits: JSONLimits(bytes: 1 << 20, depth: 0)))?.root.string ?? ""
        switch method {
        case .drop: return false
        case .last4: out.append(jsonString: plain.count > 4 ? "***\(plain.suffix(4))" : "***")
        case .hmac(let secret):
            let code = Array(plain.utf8).withUnsafeBytes { Digest.hmacSHA256(key: secret.bytes, $0) }
            out.append(jsonString: Hex.text(Array(code.prefix(16))))
        }
        return true
    }
}
