import ArgumentParser
import Codecs
import Glibc
import WireProtocols

struct DecodeBERTCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bert",
        abstract: "Print Erlang terms (BERT, External Term Format) from standard input as JSON.",
        discussion: """
            One line for each term, in a notation that tells all types apart: {"int":"1"}, {"float":"3ff8000000000000"}, \
            {"atom":"ok"}, {"bin":"6f6b"}, {"charlist":"6f6b"}, {"bits":"a0","nbits":3}, {"tuple":[...]}, {"list":[...]}, \
            {"list":[...],"tail":...}, {"map":[[key,value],...]}, {"opaque":"pid"}. Bytes beyond 4096 are named by their \
            MD5 and size. The limits are those of a live connection.

            Without --frames standard input is one term. With it a frame that is no term is reported on standard error, \
            and the next one follows.

            Example:
              erl -noshell -eval 'file:write(standard_io, term_to_binary({ok, <<"hello">>})), halt()' | cti-bridge decode bert
              cti-bridge decode bert --frames < recording.bertseq | jq .
            """)

    @Flag(
        help: "Read any number of terms, each with its length in 4 bytes in front (big-endian; Erlang's {packet, 4}).")
    var frames = false

    @Flag(help: "Read compressed terms as well, which a live connection refuses.")
    var compressed = false

    @Option(help: ArgumentHelp("Longest integer to be read, 8 to 65536 bytes.", valueName: "bytes"))
    var integerBytes = BERTLimits().integerBytes

    func validate() throws {
        guard 8...65_536 ~= integerBytes else { throw ValidationError("--integer-bytes takes 8 to 65536.") }
    }

    func run() throws {
        let limits = BERTLimits(integerBytes: integerBytes, allowsCompressed: compressed)
        let decoder = BERTDecoder(limits: limits)
        if frames { return try printFrames(decoder) }
        let bytes: [UInt8]
        do {
            bytes = try StandardInput.readAll(limit: limits.bytes)
        } catch {
            Output.error("\(error)")
            throw ExitCode.failure
        }
        var line = ByteWriter()
        guard append(bytes, decoder, to: &line, place: "standard input") else { throw ExitCode.failure }
        Output.write(line.bytes)
    }

    private func printFrames(_ decoder: BERTDecoder) throws {
        var lines = ByteWriter(capacity: 1 << 16)
        let isComplete = FramedInput.forEach(limit: decoder.limits.bytes) { number, frame in
            append(frame, decoder, to: &lines, place: "frame \(number)")
        } flush: {
            defer { lines.removeAll() }
            return lines.count == 0 || Output.write(lines.bytes)
        }
        guard isComplete else { throw ExitCode.failure }
    }

    /// Adds the term's line, or reports why there is none.
    private func append(
        _ bytes: [UInt8], _ decoder: BERTDecoder, to lines: inout ByteWriter, place: String
    ) -> Bool {
        do {
            try bytes.withUnsafeBytes { message in
                lines.append(bertNotation: try decoder.decode(message))
                lines.append(UInt8(ascii: "\n"))
            }
            return true
        } catch {
            Output.error("\(place): \(error)\(Self.advice(error))")
            return false
        }
    }

    private static func advice(_ error: any Error) -> String {
        switch (error as? BERTError)?.reason {
        case .compressed: "; --compressed reads it"
        case .integerTooLong: "; --integer-bytes raises the limit"
        default: ""
        }
    }
}
