import ArgumentParser

struct DecodeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "decode",
        abstract: "Print what recorded bytes of a vendor's protocol say.",
        subcommands: [DecodeBERTCommand.self, DecodeBasixCommand.self])
}
