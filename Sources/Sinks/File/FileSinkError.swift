import Glibc

/// A file cannot be used as asked, with the reason in words that name the path.
package struct FileSinkError: Error, CustomStringConvertible {
    package let reason: String
    package var description: String { reason }

    init(_ reason: String) { self.reason = reason }

    /// `number` is `errno` as it was directly after the call.
    init(_ what: String, _ path: String, _ number: Int32) {
        reason = "\(what) \(path): \(String(cString: strerror(number)))"
    }
}
