import NIOCore
import TestSupport
import Testing

@testable import Transport

extension TLSClientConfiguration {
    /// Trusts `authority` alone.
    static func trusting(
        _ authority: String, identity: TestIdentity? = nil, adjust: (inout TLSClientConfiguration) -> Void = { _ in }
    ) -> TLSClientConfiguration {
        var configuration = TLSClientConfiguration(
            trust: .certificates(.pem(authority)), identity: identity.map { TLSIdentity($0) })
        adjust(&configuration)
        return configuration
    }
}

extension TLSIdentity {
    init(_ identity: TestIdentity) { self.init(certificates: .pem(identity.certificates), key: .pem(identity.key)) }
}

extension PEMSource {
    static func pem(_ text: String) -> PEMSource { .bytes(Array(text.utf8)) }
}

/// One side of a conversation in memory and what happened to it.
final class TLSSide {
    let session: TLSSession
    var plaintext = ByteBuffer()
    var steps: [TLSSession.Step] = []
    var error: TLSError?

    init(_ session: TLSSession) { self.session = session }

    var text: String { String(buffer: plaintext) }

    /// Feeds `bytes` in pieces of `pieceBytes` and goes as far as they reach.
    func receive(_ bytes: ByteBuffer, pieceBytes: Int = .max) {
        var rest = bytes
        while let piece = rest.readSlice(length: min(pieceBytes, rest.readableBytes)), piece.readableBytes > 0 {
            piece.withUnsafeReadableBytes { session.receive($0) }
            advance()
        }
    }

    func advance() {
        do {
            while error == nil {
                let step = try session.step(into: &plaintext)
                if step == .needsBytes { return }
                steps.append(step)
                if step == .closed { return }
            }
        } catch {
            self.error = error
        }
    }

    func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try session.write($0) } }

    func output() -> ByteBuffer {
        var buffer = ByteBuffer()
        session.takeOutput(into: &buffer)
        return buffer
    }
}

/// A client and a server that hear each other.
struct TLSPair {
    let client: TLSSide
    let server: TLSSide

    init(_ client: TLSClientConfiguration, _ server: TLSServerConfiguration, name: String = "localhost") throws {
        let serverName = try #require(TLSServerName(name))
        self.client = TLSSide(try TLSSession(client: try TLSContext(client), name: serverName))
        self.server = TLSSide(try TLSSession(server: try TLSContext(server)))
    }

    /// Carries bytes to and fro until nobody has anything to say.
    func exchange(pieceBytes: Int = .max) {
        client.advance()
        while true {
            let (toServer, toClient) = (client.output(), server.output())
            guard toServer.readableBytes + toClient.readableBytes > 0 else { return }
            server.receive(toServer, pieceBytes: pieceBytes)
            client.receive(toClient, pieceBytes: pieceBytes)
        }
    }
}
