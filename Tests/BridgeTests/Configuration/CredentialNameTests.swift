import Adapters
import BridgeCore
import Testing

@testable import Bridge

@Suite("Names of credentials")
struct CredentialNameTests {
    private func password(_ directory: SecretDirectory) -> (bytes: [UInt8]?, causes: [String]) {
        let outcome = loadYAML(
            withSourceKeys("password: { credential: cape-redis }"),
            environment: ["CREDENTIALS_DIRECTORY": directory.path])
        let configuration = outcome.configuration?.sources.first?.adapter as? TeleforgeConfiguration
        return (configuration?.server.password?.bytes, outcome.diagnostics.map(\.cause))
    }

    @Test("A file of a loaded directory has the unit's prefix: NAME is looked for as cti-bridge_NAME too")
    func directory() throws {
        let directory = try SecretDirectory()
        _ = try directory.write("cti-bridge_cape-redis", "from the directory\n", mode: 0o440)
        #expect(password(directory).bytes == Array("from the directory".utf8))
    }

    @Test("The plain name wins")
    func plainName() throws {
        let directory = try SecretDirectory()
        _ = try directory.write("cti-bridge_cape-redis", "from the directory", mode: 0o440)
        _ = try directory.write("cape-redis", "its own", mode: 0o440)
        #expect(password(directory).bytes == Array("its own".utf8))
    }

    @Test("Where there is neither, the mistake names the plain name")
    func missing() throws {
        let directory = try SecretDirectory()
        #expect(password(directory).causes == ["credential 'cape-redis' cannot be read: No such file or directory"])
    }
}
