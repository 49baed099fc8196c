import Codecs

/// The members at the start of an encoded line, found without parsing it.
///
/// The writer's fixed order of keys makes this possible: `v`, `id`, `kind`, `stream`, `seq`, two times, two enumerations,
/// `tenant`, `source`. So `kind` begins at byte 59, and up to `source` there is one free text, `tenant`. Inside a JSON text
/// a quotation mark is written `\"`: a key with its quotation marks as they stand cannot occur in there, and the first
/// occurrence of `"source":{"vendor":"` is the member itself. A CloudEvent of ours carries such a line as its last member.
enum LineHead {
    /// Every member up to `received_at` lies within so many bytes, unless ids of a vendor are beyond all measure.
    static let boundedBytes = 4096

    private static let start: [UInt8] = Array(#"{"v":1,"id":""#.utf8)
    private static let cloudEventStart: [UInt8] = Array(#"{"specversion":"1.0","id":""#.utf8)
    private static let dataKey: [UInt8] = Array(#","data":{"v":1,"id":""#.utf8)
    private static let kindKey: [UInt8] = Array(#"","kind":""#.utf8)
    private static let streamKey: [UInt8] = Array(#"","stream":""#.utf8)
    private static let seqKey: [UInt8] = Array(#"","seq":"#.utf8)
    private static let receivedKey: [UInt8] = Array(#","received_at":""#.utf8)
    private static let sourceKey: [UInt8] = Array(#","source":{"vendor":""#.utf8)
    private static let nameKey: [UInt8] = Array(#"","name":""#.utf8)

    /// Where the kind stands, without its quotation marks; nil for a line of another form.
    static func kind(of line: UnsafeRawBufferPointer) -> Range<Int>? {
        guard let id = eventID(of: line) ?? embeddedID(of: line), has(line, kindKey, at: id.upperBound) else {
            return nil
        }
        return text(in: line, from: id.upperBound + kindKey.count)
    }

    /// Where the id of the event stands, 36 characters; also that of a CloudEvent.
    static func id(of line: UnsafeRawBufferPointer) -> Range<Int>? {
        if let id = eventID(of: line) { return id }
        guard has(line, cloudEventStart, at: 0), line.count >= cloudEventStart.count + 36 else { return nil }
        return cloudEventStart.count..<cloudEventStart.count + 36
    }

    private static func eventID(of line: UnsafeRawBufferPointer) -> Range<Int>? {
        guard has(line, start, at: 0), line.count >= start.count + 36 else { return nil }
        return start.count..<start.count + 36
    }

    /// The id of the line that a CloudEvent carries: inside a text its key could not stand with bare quotation marks.
    private static func embeddedID(of line: UnsafeRawBufferPointer) -> Range<Int>? {
        guard has(line, cloudEventStart, at: 0), let key = find(dataKey, in: line, from: cloudEventStart.count),
            line.count >= key + dataKey.count + 36
        else { return nil }
        return key + dataKey.count..<key + dataKey.count + 36
    }

    /// Where the name of the source stands, without its quotation marks.
    static func sourceName(of line: UnsafeRawBufferPointer) -> Range<Int>? {
        guard let kind = kind(of: line), let key = find(sourceKey, in: line, from: kind.upperBound),
            let vendor = text(in: line, from: key + sourceKey.count), has(line, nameKey, at: vendor.upperBound)
        else { return nil }
        return text(in: line, from: vendor.upperBound + nameKey.count)
    }

    /// Which line of which stream it is.
    static func position(of line: UnsafeRawBufferPointer) -> (stream: UUID128, seq: Int64)? {
        guard let kind = kind(of: line), has(line, streamKey, at: kind.upperBound),
            let text = text(in: line, from: kind.upperBound + streamKey.count), let stream = UUID128(line[text]),
            has(line, seqKey, at: text.upperBound)
        else { return nil }
        let digits = line[(text.upperBound + seqKey.count)...].prefix { $0 >= 0x30 && $0 <= 0x39 }
        guard digits.endIndex < line.count, line[digits.endIndex] == UInt8(ascii: ","),
            let seq = Int64(String(decoding: digits, as: UTF8.self))
        else { return nil }
        return (stream, seq)
    }

    static func receivedAt(of line: UnsafeRawBufferPointer) -> Timestamp? {
        guard let kind = kind(of: line), let key = find(receivedKey, in: line, from: kind.upperBound),
            let text = text(in: line, from: key + receivedKey.count)
        else { return nil }
        return Timestamp(String(decoding: line[text], as: UTF8.self))
    }

    /// Whether `line` is the beginning of a line, however short.
    static func canBegin(_ line: UnsafeRawBufferPointer) -> Bool {
        [start, cloudEventStart].contains { line.prefix($0.count).elementsEqual($0.prefix(line.count)) }
    }

    /// From `position` up to the next quotation mark: what is read here holds none.
    private static func text(in line: UnsafeRawBufferPointer, from position: Int) -> Range<Int>? {
        guard let end = line[position...].firstIndex(of: UInt8(ascii: "\"")) else { return nil }
        return position..<end
    }

    private static func find(_ key: [UInt8], in line: UnsafeRawBufferPointer, from start: Int) -> Int? {
        var position = start
        while position &+ key.count <= line.count {
            if line[position] == key[0], has(line, key, at: position) { return position }
            position &+= 1
        }
        return nil
    }

    private static func has(_ line: UnsafeRawBufferPointer, _ key: [UInt8], at position: Int) -> Bool {
        guard position + key.count <= line.count else { return false }
        for index in 0..<key.count where line[position &+ index] != key[index] { return false }
        return true
    }
}
