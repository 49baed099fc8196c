import BridgeCore
import Codecs
import Glibc
import NIOCore
import NIOPosix
import Store
import TestSupport
import Testing

@testable import Bridge

struct ControlRequestTests {
    @Test(arguments: [
        ControlRequest.status, .retry(sink: "crm", .all), .retry(sink: "c\"rm", .seqs([1, 9])),
        .purge(sink: "crm", .seqs([])),
        .replay(sink: "crm", since: Timestamp(microseconds: 1_768_471_200_000_000), until: nil, call: nil),
        .replay(sink: "crm", since: nil, until: Timestamp(microseconds: 5), call: "cape:\"1\""),
    ])
    func `A request is read as it was written`(request: ControlRequest) {
        #expect(ControlRequest(Array(request.line.dropLast())) == request)
        #expect(request.line.count { $0 == 10 } == 1)
    }

    @Test(arguments: [
        "", "{}", "[]", "{\"do\":\"retry\"}", "{\"do\":\"dance\",\"sink\":\"crm\"}", "{\"do\":\"status\"", "\u{0}",
    ])
    func `What is no request is none`(text: String) { #expect(ControlRequest(Array(text.utf8)) == nil) }
}

@Suite(.timeLimit(.minutes(1)))
struct ControlServerTests {
    private let directory: TemporaryDirectory
    private var path: String { directory.file("run/acme/control.sock") }

    init() throws { directory = try TemporaryDirectory() }

    private func server(_ answer: @escaping ControlServer.Answer) throws -> ControlServer {
        try ControlServer(path: path, on: MultiThreadedEventLoopGroup.singleton.next(), answer: answer)
    }

    private func echo(_ request: ControlRequest) -> EventLoopFuture<[UInt8]> {
        MultiThreadedEventLoopGroup.singleton.any().makeSucceededFuture(Array(request.line.dropLast()))
    }

    @Test func `A request is answered, a socket left over is no obstacle, a living one is`() async throws {
        let first = try server(echo)
        #expect(try ControlClient(path: path).ask(.status)["do"]?.string == "status")
        #expect(throws: ControlError.self) { try server(echo) }
        await first.close()
        #expect(throws: ControlClient.NotRunning.self) { try ControlClient(path: path).ask(.status) }
        // As after a kill.
        let left = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let isBound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(left, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        close(left)
        #expect(isBound)
        let second = try server(echo)
        #expect(try ControlClient(path: path).ask(.purge(sink: "crm", .all))["sink"]?.string == "crm")
        await second.close()
    }

    @Test func `An error is told as one, and rubbish is answered`() async throws {
        let server = try server { _ in
            MultiThreadedEventLoopGroup.singleton.any().makeFailedFuture(ControlError("no such sink"))
        }
        let error = #expect(throws: ControlError.self) { try ControlClient(path: path).ask(.status) }
        #expect(error?.description == "no such sink")
        await server.close()
    }
}
