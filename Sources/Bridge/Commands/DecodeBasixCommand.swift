import Adapters
import ArgumentParser
import Codecs
import Glibc
import WireProtocols

struct DecodeBasixCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "basix",
        abstract: "Print the messages of a recorded Basix connection from standard input as JSON.",
        discussion: """
            Standard input holds the frames of one connection in their order, each with its length in 4 bytes in front \
            (big-endian). One line for each: field_spec, initial_info, info_event, system_msg, msg or unknown, records \
            with the names of the layout that the connection sent before. What is unset is left out, and compound values \
            are taken apart. A frame that is no message is reported on standard error, and the next one follows.

            Example:
              cti-bridge decode basix --frames < recording.bertseq | jq -c 'select(.msg == "info_event") | .info.state'
            """)

    @Flag(help: "Frames with their length in 4 bytes in front; the only form there is so far.")
    var frames = false

    @Flag(help: "Read compressed terms as well, which a live connection refuses.")
    var compressed = false

    func validate() throws {
        guard frames else { throw ValidationError("Say --frames: layouts are known only within one connection.") }
    }

    func run() throws {
        let limits = BERTLimits(allowsCompressed: compressed)
        let notation = BasixFrameNotation(limits: limits)
        var lines = ByteWriter(capacity: 1 << 16)
        let isComplete = FramedInput.forEach(limit: limits.bytes) { number, frame in
            do {
                try notation.append(frame, to: &lines)
                lines.append(UInt8(ascii: "\n"))
                return true
            } catch {
                Output.error("frame \(number): \(error)")
                return false
            }
        } flush: {
            defer { lines.removeAll() }
            return lines.count == 0 || Output.write(lines.bytes)
        }
        guard isComplete else { throw ExitCode.failure }
    }
}
