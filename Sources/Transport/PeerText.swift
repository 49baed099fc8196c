/// Bytes of a peer as an error may repeat them: bounded, and nothing that a terminal would act upon.
enum PeerText {
    /// The first line in quotes, or, where it is no text, the first bytes in hexadecimal.
    static func excerpt(_ bytes: some Sequence<UInt8>, limit: Int = 60) -> String {
        let head = Array(bytes.prefix(limit))
        let line = head.prefix { $0 != UInt8(ascii: "\r") && $0 != UInt8(ascii: "\n") }
        if !line.isEmpty, line.allSatisfy({ (0x20...0x7E).contains($0) }) {
            return "'\(String(decoding: line, as: UTF8.self))'"
        }
        let digits = Array("0123456789abcdef".utf8)
        let hexadecimal = head.prefix(8).map {
            String(decoding: [digits[Int($0 >> 4)], digits[Int($0 & 0xF)]], as: UTF8.self)
        }
        return hexadecimal.isEmpty ? "nothing" : "the bytes \(hexadecimal.joined(separator: " "))"
    }

    /// UTF-8 text on one line; whatever cannot be printed is replaced.
    static func printable(_ bytes: some Sequence<UInt8>, limit: Int = 256) -> String {
        var text = ""
        for scalar in String(decoding: Array(bytes.prefix(limit)), as: UTF8.self).unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned, .surrogate:
                text.unicodeScalars.append("?")
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
