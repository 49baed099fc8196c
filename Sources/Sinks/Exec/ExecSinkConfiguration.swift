import BridgeCore
import NIOCore

/// The keys of a sink with `type: exec`.
package struct ExecSinkConfiguration: SinkTypeConfiguration {
    package static let type = "exec"

    /// The program and its arguments.
    package let command: [String]
    package let acknowledges: Bool
    package let batch: Int
    package let timeout: Duration
    package let stopTimeout: Duration

    package init?(_ section: ConfigurationSection) {
        let command = Self.command(section)
        acknowledges = section.boolean("acknowledge") ?? false
        batch = section.integer("batch", in: 1...1000) ?? 1
        timeout = section.duration("timeout", in: .milliseconds(100)...(.seconds(86_400))) ?? .seconds(60)
        stopTimeout = section.duration("stop_timeout", in: .milliseconds(100)...(.seconds(60))) ?? .seconds(5)
        if !acknowledges, section.keys.contains("batch") {
            section.report(
                "'batch' has no meaning without 'acknowledge: true'", at: section.mark(of: "batch"),
                hint: "add acknowledge: true, or remove it")
        }
        guard let command else { return nil }
        self.command = command
    }

    private static func command(_ section: ConfigurationSection) -> [String]? {
        let hint = "write command: [PROGRAM, ARGUMENT, …]; for a shell: [/bin/sh, -c, 'COMMANDS']"
        guard let nodes = section.list("command", required: true, ifEmpty: hint), !nodes.isEmpty else { return nil }
        let words = nodes.compactMap { section.scalar($0, of: "command", expected: "a text") }
        guard let program = words.first, words.count == nodes.count else { return nil }
        if let broken = words.first(where: { $0.text.utf8.contains(0) }) {
            section.report("a word of 'command' contains a NUL", at: broken.mark)
            return nil
        }
        let isPath = program.text.contains("/")
        guard !program.text.isEmpty, !isPath || program.text.hasPrefix("/") else {
            section.report(
                "the program of 'command' is \(ConfigurationDiagnostic.quoted(program.text))", at: program.mark,
                hint: "an absolute path, or a name without '/' that is found in PATH")
            return nil
        }
        if !isPath, program.text.contains(" ") {
            section.report(
                "no shell reads 'command': \(ConfigurationDiagnostic.quoted(program.text)) would be the name of a program",
                at: program.mark, hint: "write each word by itself, or [/bin/sh, -c, 'COMMANDS']")
            return nil
        }
        return words.map(\.text)
    }
}

extension ExecSinkConfiguration {
    package func makeSink(_ context: SinkContext) throws -> any Sink {
        var options = ExecSink.Options(command: command)
        options.environment = ["CTI_BRIDGE_TENANT": context.tenant, "CTI_BRIDGE_SINK": context.name]
        options.acknowledges = acknowledges
        options.batchLines = batch
        options.timeout = TimeAmount(timeout)
        options.stopTimeout = TimeAmount(stopTimeout)
        return ExecSink(name: context.name, options: options, logger: context.logger)
    }
}
