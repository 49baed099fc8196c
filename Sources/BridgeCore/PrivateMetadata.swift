import Logging

/// A phone number in log metadata: shown by the service's log handler on `debug` and `trace` lines only, hidden by
/// everything else that prints it.
package struct LoggedPhoneNumber: CustomStringConvertible, Sendable {
    /// The number as it would be shown.
    package let number: String
    package init(_ number: String) { self.number = number }
    package var description: String { "(phone number)" }
}

extension Logger.MetadataValue {
    /// A phone number: see `LoggedPhoneNumber`.
    package static func phone(_ number: String) -> Logger.MetadataValue {
        .stringConvertible(LoggedPhoneNumber(number))
    }

    /// Stands where a secret is: says that there is one, or that it is empty, and nothing else about it.
    package static func redacted(_ secret: some Collection) -> Logger.MetadataValue {
        .string(secret.isEmpty ? "(empty)" : "(secret)")
    }
}
