import BridgeCore
import NIOCore

extension XCALLYConfiguration {
    package static func makeDemo() -> any VendorDemo { preconditionFailure("under construction") }
}

final class XCALLYListenerSource: Source {
    let name: String
    let context: any SourceContext
    init(
        name: String, configuration: XCALLYConfiguration, listener: XCALLYListener, raw: Any, context: any SourceContext
    ) {
        (self.name, self.context) = (name, context)
    }
    func start() {}
    func stop() -> EventLoopFuture<Void> { context.eventLoop.makeSucceededVoidFuture() }
}
