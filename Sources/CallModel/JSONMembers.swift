import Codecs

/// Members of JSON objects, written in the order of the calls. What is absent or empty is not written: a line never holds
/// `null` or `""`.
extension ByteWriter {
    /// Appends a comma unless an object was just opened, then the name and a colon.
    @inline(__always)
    mutating func member(_ name: StaticString) {
        let isFirst = last == UInt8(ascii: "{")
        let length = name.utf8CodeUnitCount
        appendUninitialized(length &+ (isFirst ? 3 : 4)) { out in
            var out = out
            if !isFirst {
                out.pointee = UInt8(ascii: ",")
                out += 1
            }
            out.pointee = UInt8(ascii: "\"")
            (out + 1).update(from: name.utf8Start, count: length)
            out[length &+ 1] = UInt8(ascii: "\"")
            out[length &+ 2] = UInt8(ascii: ":")
        }
    }

    @inline(__always)
    mutating func member(_ name: StaticString, _ text: String?) {
        guard let text, !text.isEmpty else { return }
        member(name)
        append(jsonString: text)
    }

    /// For words of our own that need no escaping.
    @inline(__always)
    mutating func member(_ name: StaticString, word: String?) {
        guard let word else { return }
        member(name)
        append(UInt8(ascii: "\""))
        append(utf8: word)
        append(UInt8(ascii: "\""))
    }

    @inline(__always)
    mutating func member(_ name: StaticString, _ value: Int64?) {
        guard let value else { return }
        member(name)
        append(decimal: value)
    }

    @inline(__always)
    mutating func member(_ name: StaticString, _ value: Int32?) {
        member(name, value.map(Int64.init))
    }

    mutating func member(_ name: StaticString, _ value: Bool?) {
        guard let value else { return }
        member(name)
        append(value ? "true" : "false")
    }

    @inline(__always)
    mutating func member(_ name: StaticString, _ time: Timestamp?) {
        guard let time else { return }
        member(name)
        append(UInt8(ascii: "\""))
        append(time)
        append(UInt8(ascii: "\""))
    }

    @inline(__always)
    mutating func member(_ name: StaticString, _ id: UUID128?) {
        guard let id else { return }
        member(name)
        append(UInt8(ascii: "\""))
        append(id)
        append(UInt8(ascii: "\""))
    }

    @inline(__always)
    mutating func object(_ name: StaticString, _ write: (inout ByteWriter) -> Void) {
        member(name)
        append(UInt8(ascii: "{"))
        write(&self)
        append(UInt8(ascii: "}"))
    }

    mutating func list<Item>(_ name: StaticString, _ items: [Item], _ write: (inout ByteWriter, Item) -> Void) {
        guard !items.isEmpty else { return }
        member(name)
        append(UInt8(ascii: "["))
        for (index, item) in items.enumerated() {
            if index > 0 { append(UInt8(ascii: ",")) }
            append(UInt8(ascii: "{"))
            write(&self, item)
            append(UInt8(ascii: "}"))
        }
        append(UInt8(ascii: "]"))
    }

    /// Vendor members: names of any spelling, values as text. A name that comes twice keeps its last value.
    mutating func members(_ fields: [ExtraField]) {
        for (index, field) in fields.enumerated()
        where !fields[(index + 1)...].contains(where: { $0.name == field.name }) {
            if last != UInt8(ascii: "{") { append(UInt8(ascii: ",")) }
            append(jsonString: field.name)
            append(UInt8(ascii: ":"))
            append(jsonString: field.value)
        }
    }
}
