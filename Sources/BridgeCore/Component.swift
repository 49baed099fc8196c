import CallModel
import Codecs

/// What the configuration of a vendor can make. With the registry line this is all the runtime knows of a vendor.
package protocol SourceFactory: Sendable {
    /// What the tracker must know of such a source.
    func profile(of source: SourceConfiguration) -> SourceProfile
    /// On the tenant's event loop.
    func makeSource(_ source: SourceConfiguration, context: any SourceContext) -> any Source
    /// For recorded scenarios: the profile and the mapping without a configuration file.
    static func makeReplayer(name: String, raw: RawPolicy) -> any MessageReplayer
    /// The vendor's side on loopback, for `demo`.
    static func makeDemo() -> any VendorDemo
}

/// A vendor's PBX simulated on loopback.
package protocol VendorDemo: Sendable {
    /// Starts it, with files below `directory`, and tells how to connect to it. Throws a sentence where something is missing.
    func start(directory: String) async throws -> any AdapterConfiguration
    func stop() async
}

/// Recorded vendor messages to facts, in the notation of scenario files.
package protocol MessageReplayer: AnyObject {
    /// Completes the profile that the scenario names.
    func complete(_ profile: inout SourceProfile)
    /// Facts of a message received at `time`. Throws `ReplayError` where it is not in the vendor's notation.
    func facts(of message: JSONValue, at time: Timestamp, into facts: inout [CallFact]) throws
    /// The link came up, and was lost.
    func linkUp()
    func linkDown()
    /// When `advance` next has something to do.
    var nextDeadline: Timestamp? { get }
    /// Facts that the passing of time makes.
    func advance(to time: Timestamp, into facts: inout [CallFact])
}

/// For mappers that remember nothing and wait for nothing.
extension MessageReplayer {
    package func linkUp() {}
    package func linkDown() {}
    package var nextDeadline: Timestamp? { nil }
    package func advance(to time: Timestamp, into facts: inout [CallFact]) {}
}

/// Why a recorded message cannot be played.
package struct ReplayError: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// What the configuration of a sink type can make.
package protocol SinkFactory: Sendable {
    /// Throws what the configuration could not know, such as a path that is no place for a file.
    func makeSink(_ context: SinkContext) throws -> any Sink
}

/// For sinks that need nothing of the runtime but their name.
package protocol SimpleSinkFactory: SinkFactory {
    func makeSink(name: String, tenant: String) throws -> any Sink
}

extension SimpleSinkFactory {
    package func makeSink(_ context: SinkContext) throws -> any Sink {
        try makeSink(name: context.name, tenant: context.tenant)
    }
}
