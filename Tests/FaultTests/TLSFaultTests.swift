import TestSupport
import Testing

extension FaultTests {
    @Suite struct TLSFaultTests {
        @Test(.timeLimit(.minutes(5)))
        func `An expired certificate is told in one sentence, and once it is renewed everything is delivered`()
            async throws
        {
            let root = try TestAuthority()
            let expired = try root.issue(from: -7200, until: -60)
            guard let scene = try await FaultScene(seed: 4, tls: .init(expired)) else { return }
            let ca = try scene.directory.write("ca.pem", root.certificate)
            try scene.configure(sinks: [scene.fileSink(scene.linesPath)], sourceKeys: ["tls: { ca: \(ca) }"])
            try scene.push(500)
            let daemon = try scene.start()
            let sentence = "tls: the certificate of CN=pbx.test,O=cti-bridge tests expired at"
            try await eventually("it is said", state: { daemon.state }) { daemon.errors.contains(sentence) }
            #expect(try scene.waiting() == 500)
            try await scene.redis.stop()
            try scene.redis.show(try root.issue())
            try await scene.redis.start()
            try scene.push(500)
            try await scene.awaitDelivery(by: daemon, within: .seconds(120))
            // Two lists, each of which tells its first failure of a kind.
            let warnings = daemon.errors.split(separator: "\n").count { $0.contains(sentence) }
            #expect(warnings <= 2, "\(daemon.errors)")
            #expect(try await daemon.terminate() == .code(0), "\(daemon.state)")
            try scene.judge.read(scene.linesPath)
            scene.expectNoFaults()
        }
    }
}
