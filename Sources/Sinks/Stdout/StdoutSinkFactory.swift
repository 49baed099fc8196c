import BridgeCore

extension StdoutSinkConfiguration {
    package func makeSink(name: String, tenant: String) throws -> any Sink { try StdoutSink(name: name) }
}
