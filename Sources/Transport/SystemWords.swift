import Glibc
import NIOCore

/// The system's words for an error: "connection refused".
enum SystemWords {
    static func of(_ error: any Error) -> String {
        guard let error = error as? IOError else { return "\(error)" }
        return String(cString: strerror(error.errnoCode)).lowercased()
    }
}
