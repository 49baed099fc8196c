import Logging

/// swift-log's way into a `LogOutput`. A value: level and metadata belong to one logger, the output to all.
package struct StreamLogHandler: LogHandler {
    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let output: LogOutput

    package init(label: String, output: LogOutput, level: Logger.Level = .info) {
        (self.label, self.output, logLevel) = (label, output, level)
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var merged = metadata
        if let provided = metadataProvider?.get() { merged.merge(provided) { $1 } }
        if let given = event.metadata { merged.merge(given) { $1 } }
        if let error = event.error { merged["error"] = .string(String(describing: error)) }
        output.write(level: event.level, label: label, message: event.message.description, metadata: merged)
    }
}
