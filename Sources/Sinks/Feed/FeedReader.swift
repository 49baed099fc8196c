import BridgeCore
import NIOCore
import Synchronization

/// One reader of a feed, who has a position and no queue. What he has not taken waits in the ring of the feed, and then in the store,
/// so that a slow one costs no memory.
///
/// One task calls `next` until the end and holds the position; the rest may be called from any thread.
package final class FeedReader: Sendable {
    package enum Output: Sendable {
        case frames(ByteBuffer)
        /// There was nothing to write for a while.
        case keepAlive
        case end
    }

    /// Why he is woken.
    package enum Signal: Sendable {
        case lines
        case keepAlive
        /// Nothing more of the store; what is in memory is still handed out.
        case end
        /// The connection has gone: nothing more at all.
        case cancel
    }

    private struct State {
        var waiter: CheckedContinuation<Void, Never>?
        var hasLines = false
        var isKeepAliveDue = false
        var isEnding = false
        var isCancelled = false
    }

    let number: Int
    private let feed: FeedSink
    private let filter: FeedFilter
    /// Where he begins: what `next` is given first.
    package let start: FeedCursor
    private let state = Mutex(State())

    init(number: Int, feed: FeedSink, start: FeedCursor, filter: FeedFilter) {
        (self.number, self.feed, self.start, self.filter) = (number, feed, start, filter)
    }

    package func raise(_ signal: Signal) {
        let waiter = state.withLock { state in
            switch signal {
            case .lines: state.hasLines = true
            case .keepAlive: state.isKeepAliveDue = true
            case .end: state.isEnding = true
            case .cancel: state.isCancelled = true
            }
            return state.waiter.take()
        }
        waiter?.resume()
    }

    /// The reader is no longer there. `isDropped`: since he did not read.
    package func leave(isDropped: Bool = false) {
        raise(.cancel)
        feed.leave(self)
        if isDropped { feed.droppedCount.add() }
    }

    /// What is to be written next behind `cursor`, which moves on; waits for it. Ends soon when its task is cancelled. Reads the
    /// disk where the reader is behind.
    package func next(_ cursor: inout FeedCursor) async -> Output {
        while true {
            let (isCancelled, isEnding) = state.withLock { state in
                state.hasLines = false
                return (state.isCancelled, state.isEnding)
            }
            if isCancelled || Task.isCancelled { return .end }
            switch read(&cursor, readsStore: !isEnding) {
            case .frames(let frames) where frames.readableBytes > 0: return .frames(frames)
            // Nothing of it was for him; others have their turn before the next.
            case .frames: await Task.yield()
            case .caughtUp:
                if isEnding { return .end }
                if state.withLock({ $0.isKeepAliveDue.take() }) { return .keepAlive }
                await wait()
            case .end: return .end
            }
        }
    }

    private enum Reading {
        case frames(ByteBuffer)
        case caughtUp
        case end
    }

    private func read(_ cursor: inout FeedCursor, readsStore: Bool) -> Reading {
        if let notice = cursor.notice.take() { return .frames(notice) }
        switch feed.next(&cursor, readsStore: readsStore) {
        case .frames(let frames):
            let passing = frames.passing(filter, after: cursor.position)
            if !frames.isReplay { cursor.position = max(cursor.position, frames.through) }
            return .frames(passing)
        case .gap(let notice): return .frames(notice)
        case .caughtUp: return .caughtUp
        case .failed(let reason):
            feed.failed(reason)
            return .end
        }
    }

    private func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let passes = state.withLock { state in
                    guard !state.hasLines, !state.isKeepAliveDue, !state.isEnding, !state.isCancelled else {
                        return true
                    }
                    state.waiter = continuation
                    return false
                }
                if passes { continuation.resume() }
            }
        } onCancel: {
            raise(.cancel)
        }
    }
}

extension Bool {
    /// Lowers the flag and tells whether it was raised.
    fileprivate mutating func take() -> Bool {
        defer { self = false }
        return self
    }
}
