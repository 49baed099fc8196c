import BridgeCore
import Glibc

/// A program that has been started, and our ends of its pipes.
struct ExecPipes: Sendable {
    let process: pid_t
    let input: Int32
    /// Only where answers are wanted; else its standard output goes nowhere.
    let answers: Int32?
    let errors: Int32

    /// Starts the program. Blocks until the system has loaded it.
    static func start(
        _ command: [String], adding variables: [String: String], hasAnswers: Bool
    ) throws(ProgramSpawn.Failure) -> ExecPipes {
        var open: [Int32] = []
        do throws(ProgramSpawn.Failure) {
            let input = try pipe(&open)
            let errors = try pipe(&open)
            let answers = hasAnswers ? try pipe(&open) : nil
            let process = try ProgramSpawn.start(
                command, input: .descriptor(input.readEnd),
                output: answers.map { .descriptor($0.writeEnd) } ?? .null, errors: .descriptor(errors.writeEnd),
                adding: variables)
            for end in [input.readEnd, errors.writeEnd, answers?.writeEnd].compactMap({ $0 }) { close(end) }
            return ExecPipes(
                process: process, input: input.writeEnd, answers: answers?.readEnd, errors: errors.readEnd)
        } catch {
            for end in open { close(end) }
            throw error
        }
    }

    private static func pipe(_ open: inout [Int32]) throws(ProgramSpawn.Failure) -> (readEnd: Int32, writeEnd: Int32) {
        let ends = try ProgramSpawn.pipe()
        open += [ends.readEnd, ends.writeEnd]
        return ends
    }
}
