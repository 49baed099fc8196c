import Codecs

/// Walks the members of an object in an encoded line, without parsing what they hold.
///
/// For lines as `LineWriter` writes them: valid JSON without blanks. Of anything else some members are not found, and no byte
/// outside the line is read.
package enum LineMembers {
    /// Calls `body` for each member of the object whose brace is at `start`, with the places of its name (without quotation
    /// marks) and of its value, until it answers false. Returns the place behind the object, nil where it was not walked to
    /// its end.
    @discardableResult
    package static func forEach(
        in line: UnsafeRawBufferPointer, at start: Int = 0, _ body: (_ name: Range<Int>, _ value: Range<Int>) -> Bool
    ) -> Int? {
        var position = start
        guard position < line.count, line[position] == UInt8(ascii: "{") else { return nil }
        position += 1
        while position < line.count, line[position] == UInt8(ascii: "\"") {
            guard let nameEnd = endOfString(line, from: position), nameEnd < line.count,
                line[nameEnd] == UInt8(ascii: ":"), let end = endOfValue(line, from: nameEnd + 1)
            else { return nil }
            guard body(position + 1..<nameEnd - 1, nameEnd + 1..<end) else { return nil }
            position = end
            guard position < line.count, line[position] == UInt8(ascii: ",") else { break }
            position += 1
        }
        guard position < line.count, line[position] == UInt8(ascii: "}") else { return nil }
        return position + 1
    }

    /// As `forEach`, for the elements of the list whose bracket is at `start`.
    package static func forEachElement(
        in line: UnsafeRawBufferPointer, at start: Int, _ body: (_ element: Range<Int>) -> Bool
    ) {
        guard start < line.count, line[start] == UInt8(ascii: "[") else { return }
        var position = start + 1
        while let end = endOfValue(line, from: position) {
            guard body(position..<end), end < line.count, line[end] == UInt8(ascii: ",") else { return }
            position = end + 1
        }
    }

    /// Where the value of the member called `name` stands.
    package static func value(
        _ name: StaticString, in line: UnsafeRawBufferPointer, at start: Int = 0
    ) -> Range<Int>? {
        var found: Range<Int>?
        forEach(in: line, at: start) { key, value in
            guard equals(line, key, name) else { return true }
            found = value
            return false
        }
        return found
    }

    /// As `value`, for a text: without its quotation marks, escapes as they stand.
    package static func text(
        _ name: StaticString, in line: UnsafeRawBufferPointer, at start: Int = 0
    ) -> Range<Int>? {
        guard let value = value(name, in: line, at: start), line[value.lowerBound] == UInt8(ascii: "\"") else {
            return nil
        }
        return value.lowerBound + 1..<value.upperBound - 1
    }

    package static func equals(_ line: UnsafeRawBufferPointer, _ range: Range<Int>, _ text: StaticString) -> Bool {
        guard range.count == text.utf8CodeUnitCount else { return false }
        for offset in 0..<range.count where line[range.lowerBound &+ offset] != text.utf8Start[offset] { return false }
        return true
    }

    /// Behind the string whose quotation mark is at `start`.
    private static func endOfString(_ line: UnsafeRawBufferPointer, from start: Int) -> Int? {
        var position = start &+ 1
        while position < line.count {
            switch line[position] {
            case UInt8(ascii: "\""): return position &+ 1
            case UInt8(ascii: "\\"): position &+= 2
            default: position &+= 1
            }
        }
        return nil
    }

    private static func endOfValue(_ line: UnsafeRawBufferPointer, from start: Int) -> Int? {
        guard start < line.count else { return nil }
        switch line[start] {
        case UInt8(ascii: "\""): return endOfString(line, from: start)
        case UInt8(ascii: "{"), UInt8(ascii: "["): return endOfContainer(line, from: start)
        default:
            let end = line[start...].firstIndex {
                $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "}") || $0 == UInt8(ascii: "]")
            }
            return end == start ? nil : end
        }
    }

    private static func endOfContainer(_ line: UnsafeRawBufferPointer, from start: Int) -> Int? {
        var depth = 0
        var position = start
        while position < line.count {
            switch line[position] {
            case UInt8(ascii: "\""):
                guard let end = endOfString(line, from: position) else { return nil }
                position = end
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth &+= 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth &-= 1
                if depth == 0 { return position &+ 1 }
            default: break
            }
            position &+= 1
        }
        return nil
    }
}
