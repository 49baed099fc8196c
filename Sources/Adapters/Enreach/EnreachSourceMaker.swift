import BridgeCore
import CallModel
import Logging
import NIOCore

/// Where a source and the demo of this vendor are made.
enum EnreachSourceMaker {
    static func make(
        name: String, configuration: EnreachConfiguration, raw: RawPolicy, proxy: ProxySettings?,
        context: any SourceContext
    ) -> any Source { Absent(name: name, context: context) }

    static func makeDemo() -> any VendorDemo { AbsentDemo() }

    private static let absence = "this build has no connection to an Enreach RTE hub"

    private final class Absent: Source {
        let name: String
        private let context: any SourceContext

        init(name: String, context: any SourceContext) { (self.name, self.context) = (name, context) }

        func start() { context.logger.critical("the source cannot be started", metadata: ["reason": "\(absence)"]) }
        func stop() -> EventLoopFuture<Void> { context.eventLoop.makeSucceededVoidFuture() }
    }

    private struct AbsentDemo: VendorDemo {
        func start(directory: String) async throws -> any AdapterConfiguration { throw ReplayError(absence) }
        func stop() async {}
    }
}
