import HummingbirdCore
import NIOCore
import Sinks
import Synchronization

/// Writes a feed to one connection until either of them ends.
struct FeedStream: Sendable {
    /// Nothing to write for so long: a comment is written.
    static let keepAlive = TimeAmount.seconds(15)

    let reader: FeedReader
    let channel: any Channel
    let keepAlive: TimeAmount

    init(_ reader: FeedReader, on channel: any Channel, keepAlive: TimeAmount = Self.keepAlive) {
        (self.reader, self.channel, self.keepAlive) = (reader, channel, keepAlive)
    }

    /// Throws when the connection ends first.
    func run(_ writer: consuming some ResponseBodyWriter) async throws {
        let watch = WriteWatch()
        // From here on a reader who has gone is to be noticed at once; he has nothing more to send.
        try? await channel.setOption(.allowRemoteHalfClosure, value: false).get()
        channel.closeFuture.whenComplete { [reader] _ in reader.raise(.cancel) }
        let ticks = channel.eventLoop.scheduleRepeatedTask(initialDelay: keepAlive, delay: keepAlive) { [self] _ in
            tick(watch)
        }
        defer {
            ticks.cancel()
            reader.leave(isDropped: watch.isStalled)
        }
        var cursor = reader.start
        try await write(FeedNotice.opening, to: &writer, watch)
        while true {
            switch await reader.next(&cursor) {
            case .frames(let frames): try await write(frames, to: &writer, watch)
            case .keepAlive: try await write(FeedNotice.keepAlive, to: &writer, watch)
            case .end: return try await writer.finish(nil)
            }
        }
    }

    /// Returns when there is room for more: a reader who does not read is waited for here.
    private func write(_ bytes: ByteBuffer, to writer: inout some ResponseBodyWriter, _ watch: WriteWatch) async throws
    {
        watch.begin()
        try await writer.write(bytes)
        watch.end()
    }

    private func tick(_ watch: WriteWatch) {
        switch watch.tick() {
        case .busy: break
        case .quiet: reader.raise(.keepAlive)
        case .stalled: channel.close(promise: nil)
        }
    }
}

/// Whether something was written between two ticks.
private final class WriteWatch: Sendable {
    enum Finding {
        case busy
        case quiet
        /// The same write since the last tick: nobody reads.
        case stalled
    }

    private struct State {
        var writes = 0
        var isWriting = false
        var writesAtTick = 0
        var wasWriting = false
        var isStalled = false
    }

    private let state = Mutex(State())

    var isStalled: Bool { state.withLock { $0.isStalled } }

    func begin() {
        state.withLock { state in
            state.writes += 1
            state.isWriting = true
        }
    }

    func end() { state.withLock { $0.isWriting = false } }

    func tick() -> Finding {
        state.withLock { state in
            defer { (state.writesAtTick, state.wasWriting) = (state.writes, state.isWriting) }
            guard state.writes == state.writesAtTick else { return .busy }
            guard state.isWriting, state.wasWriting else { return state.isWriting ? .busy : .quiet }
            state.isStalled = true
            return .stalled
        }
    }
}
