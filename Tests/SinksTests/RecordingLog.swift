import Logging
import Synchronization

/// What a sink says to its log: `level message {metadata}`, a text for each.
final class RecordingLog: Sendable {
    private let messages = Mutex<[String]>([])

    var all: [String] { messages.withLock { $0 } }

    func has(_ text: String) -> Bool { all.contains { $0.contains(text) } }

    var logger: Logger {
        var logger = Logger(label: "test") { _ in Handler(log: self) }
        logger.logLevel = .debug
        return logger
    }

    private struct Handler: LogHandler {
        let log: RecordingLog
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.debug

        subscript(metadataKey key: String) -> Logger.MetadataValue? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let metadata = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            let text = "\(event.level) \(event.message) {\(metadata.joined(separator: ", "))}"
            log.messages.withLock { $0.append(text) }
        }
    }
}
