import BridgeCore
import Codecs
import Glibc
import Sinks
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct FileSinkConfinementTests {
    private func refusal(_ sink: FileSink) async -> String {
        do {
            _ = try await sink.open(cursor: 0, stream: testStream)
            return "opened"
        } catch {
            return "\(error)"
        }
    }

    @Test(arguments: ["directory", "FIFO", "link to a file", "link to nothing", "link to a device"])
    func `What is no regular file is refused with its kind, and left alone`(kind: String) async throws {
        let rig = try FileRig()
        rig.put(line(1), "other")
        switch kind {
        case "directory": mkdir(rig.path, 0o700)
        case "FIFO": mkfifo(rig.path, 0o600)
        case "link to a file": symlink(rig.directory.file("out/other"), rig.path)
        case "link to nothing": symlink(rig.directory.file("out/nothing"), rig.path)
        default: symlink("/dev/null", rig.path)
        }
        let word = kind.hasPrefix("link") ? "symbolic link" : kind
        #expect(await refusal(try rig.sink()) == "\(rig.path) is a \(word): a file sink writes regular files only")
        #expect(rig.seqs("other") == [1])
        #expect(access(rig.directory.file("out/nothing"), F_OK) != 0)
    }

    @Test func `A symbolic link below the constant directory leads nowhere, one above it is the operator's`()
        async throws
    {
        let rig = try FileRig()
        mkdir(rig.directory.file("out"), 0o750)
        mkdir(rig.directory.file("elsewhere"), 0o750)
        symlink(rig.directory.file("elsewhere"), rig.directory.file("out/2026"))
        #expect(await refusal(try rig.sink("out/%Y/lines.jsonl")).contains("symbolic links are not followed"))
        #expect(access(rig.directory.file("elsewhere/lines.jsonl"), F_OK) != 0)
        symlink(rig.directory.file("elsewhere"), rig.directory.file("link"))
        #expect(await refusal(try rig.sink("link/lines-%Y.jsonl")) == "opened")
        #expect(access(rig.directory.file("elsewhere/lines-2026.jsonl"), F_OK) == 0)
    }

    @Test(arguments: ["../acme", "a/b", "/", "a\0b"])
    func `A tenant cannot lead out of the directory`(tenant: String) throws {
        let rig = try FileRig()
        #expect(throws: FileSinkError.self) { try rig.sink("out/%{tenant}/lines.jsonl") { $0.tenant = tenant } }
    }

    @Test(arguments: ["out/%{tenant}/lines", "out/%{tenant}"])
    func `A part that becomes dots is refused`(path: String) throws {
        let rig = try FileRig()
        #expect(throws: FileSinkError.self) { try rig.sink(path) { $0.tenant = ".." } }
    }

    @Test func `A rotated file that is a link is replaced, not followed`() async throws {
        let rig = try FileRig()
        rig.put(line(1), "other")
        symlink(rig.directory.file("out/other"), rig.directory.file("out/lines.jsonl.1"))
        let sink = try await rig.opened { ($0.rotateSizeBytes, $0.keep) = (500, 1) }
        #expect(await sink.deliver(delivery(2...3)) == .delivered)
        #expect(rig.seqs("other") == [1])
        #expect(rig.seqs("lines.jsonl.1") == [2])
        #expect(rig.seqs("lines.jsonl") == [3])
    }
}
