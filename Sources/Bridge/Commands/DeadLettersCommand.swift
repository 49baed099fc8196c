import ArgumentParser
import BridgeCore
import Codecs
import Glibc
import Store

struct DeadLettersCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deadletters",
        abstract: "List, show, retry and purge what sinks did not take.",
        discussion: """
            A line becomes a dead letter when its destination refuses it for good, or when it was not taken within the \
            sink's budget. States: dead (waits for you), retry (sent on its way again), parked (tried further by itself).

            Example:
              cti-bridge deadletters list --tenant acme
              cti-bridge deadletters show --tenant acme --sink crm 4711
              cti-bridge deadletters retry --tenant acme --sink crm --all
            """,
        subcommands: [List.self, Show.self, Retry.self, Purge.self], defaultSubcommand: List.self)

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List letters, oldest first, one line each.",
            discussion: "Example:\n  cti-bridge deadletters list --config acme.yaml --sink crm --json | jq .reason")

        @OptionGroup var options: TenantOptions
        @Option(help: ArgumentHelp("Only this sink.", valueName: "name"))
        var sink: String?
        @Option(help: ArgumentHelp("Only this state: dead, retry or parked.", valueName: "state"))
        var state: String?
        @Flag(help: "As JSON lines, each with its attempts and the event.")
        var json = false

        func validate() throws {
            if let state, StoredLetter.State(rawValue: state) == nil {
                throw ValidationError("--state '\(state)' is none of dead, retry, parked.")
            }
        }

        func run() throws {
            try Orders.reporting {
                let reader = try StoreReader(path: try options.find().store)
                defer { reader.close() }
                var last = ("", Int64.min)
                while true {
                    let letters = try reader.letters(
                        of: sink, state: state.flatMap(StoredLetter.State.init), after: last, limit: 500)
                    guard let newest = letters.last else { break }
                    let text =
                        json
                        ? letters.flatMap(LetterText.json) : LetterText.table(letters, isFirst: last.1 == .min)
                    guard Output.write(text) else { return }
                    last = (newest.sink, newest.seq)
                }
                if last.1 == .min, !json { try tellNone(reader) }
            }
        }

        /// On standard error: there is nothing to list.
        private func tellNone(_ reader: StoreReader) throws {
            let others = Set(try reader.letterCounts().map(\.sink)).sorted().joined(separator: ", ")
            let of = sink.map { " of '\($0)'" } ?? ""
            let hint = others.isEmpty ? "" : "; there are some of \(others)"
            Output.write("no \(state.map { "\($0) " } ?? "")letters\(of)\(hint)\n", to: STDERR_FILENO)
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show one letter: the event as the sink would have got it, and every attempt.",
            discussion: "Example:\n  cti-bridge deadletters show --config acme.yaml --sink crm 4711 | jq .attempts")

        @OptionGroup var options: TenantOptions
        @Option(help: ArgumentHelp("Its sink.", valueName: "name"))
        var sink: String
        @Argument(help: ArgumentHelp("The seq of the event.", valueName: "seq"))
        var seq: Int64

        func run() throws {
            try Orders.reporting {
                let reader = try StoreReader(path: try options.find().store)
                defer { reader.close() }
                guard let letter = try reader.letter(of: sink, seq: seq) else {
                    throw DeliveryOrders.Refusal(description: "sink '\(sink)' has no letter with seq \(seq)")
                }
                Output.write(LetterText.json(letter))
            }
        }
    }

    /// Which letters an order is about.
    struct Selection: ParsableArguments {
        @Option(help: ArgumentHelp("The sink whose letters are meant.", valueName: "name"))
        var sink: String
        @Flag(help: "All dead letters of the sink.")
        var all = false
        @Argument(help: ArgumentHelp("Events by their seq.", valueName: "seq"))
        var seqs: [Int64] = []

        func validate() throws {
            guard all == seqs.isEmpty else { throw ValidationError("Name events by their seq, or give --all.") }
        }

        var letters: LetterSelection { all ? .all : .seqs(seqs) }
    }

    struct Retry: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Send dead letters on their way again, with a new budget.",
            discussion: """
                They are delivered beside what is new; lines of their call that came later may have been delivered already. \
                Where the service does not run, they are sent after its start.

                Example:
                  cti-bridge deadletters retry --config acme.yaml --sink crm 4711 4712
                """)

        @OptionGroup var options: TenantOptions
        @OptionGroup var selection: Selection

        func run() throws {
            let answer = try Orders.carryOut(.retry(sink: selection.sink, selection.letters), options) {
                ControlAnswer.retrying(try $0.retry(selection.letters, of: selection.sink, at: WallClock.now()))
            }
            let count = answer["retrying"]?.numberText ?? "?"
            Output.write(
                count == "1"
                    ? "1 letter of \(selection.sink) is on its way\n"
                    : "\(count) letters of \(selection.sink) are on their way\n")
        }
    }

    struct Purge: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove dead letters for good.",
            discussion: "Example:\n  cti-bridge deadletters purge --config acme.yaml --sink crm --all")

        @OptionGroup var options: TenantOptions
        @OptionGroup var selection: Selection

        func run() throws {
            let answer = try Orders.carryOut(.purge(sink: selection.sink, selection.letters), options) {
                ControlAnswer.purged(try $0.purge(selection.letters, of: selection.sink))
            }
            let (purged, left) = (answer["purged"]?.numberText ?? "?", answer["dead_letters"]?.numberText ?? "?")
            Output.write("\(purged) purged, \(left) dead letters of \(selection.sink) are left\n")
        }
    }
}

/// Letters as people and programs read them.
enum LetterText {
    static func table(_ letters: [StoredLetter], isFirst: Bool) -> [UInt8] {
        let head = ["SINK", "SEQ", "STATE", "ATTEMPTS", "CHANGED", "EVENT", "CALL", "REASON"]
        let lines = TextTable.lines((isFirst ? [head] : []) + letters.map(row))
        return Array(lines.map { $0 + "\n" }.joined().utf8)
    }

    /// The event and its call stand elsewhere in a CloudEvent.
    private static func row(_ letter: StoredLetter) -> [String] {
        let event = try? JSONDocument(letter.line, limits: JSONLimits(bytes: 16 << 20, depth: 64)).root
        let kind = event?["kind"]?.string ?? event?["type"]?.string ?? "-"
        let call = event?["call"]?["id"]?.string ?? event?["data"]?["call"]?["id"]?.string ?? "-"
        return [
            letter.sink, "\(letter.seq)", letter.state.rawValue, "\(letter.attempts)",
            "\(Timestamp(microseconds: letter.changedAt))", kind, call, letter.reason,
        ]
    }

    /// `line` is the event itself where it is JSON, which it is unless somebody changed the store by hand.
    static func json(_ letter: StoredLetter) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(#"{"sink":"#)
        writer.append(jsonString: letter.sink)
        writer.append(
            utf8:
                #","seq":\#(letter.seq),"state":"\#(letter.state.rawValue)","since":"\#(Timestamp(microseconds: letter.since))","#
        )
        writer.append(
            utf8:
                #""changed_at":"\#(Timestamp(microseconds: letter.changedAt))","attempt_count":\#(letter.attempts),"reason":"#
        )
        writer.append(jsonString: letter.reason)
        writer.append(#","attempts":"#)
        writer.append(utf8: AttemptTrail(json: letter.trail).json)
        writer.append(#","line":"#)
        if (try? JSONDocument(letter.line, limits: JSONLimits(bytes: 16 << 20, depth: 64))) != nil {
            writer.append(letter.line)
        } else {
            writer.append(jsonString: String(decoding: letter.line, as: UTF8.self))
        }
        writer.append("}\n")
        return writer.bytes
    }
}
