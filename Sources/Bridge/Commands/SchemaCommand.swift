import ArgumentParser

struct SchemaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema",
        abstract: "Print the JSON Schema of CallEvent, which every line keeps.",
        discussion: "Example:\n  cti-bridge schema > call-event.schema.json")

    func run() throws { Output.write(CallEventSchema.text) }
}
