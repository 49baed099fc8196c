import Codecs

/// Now, as delivery is told it: waits go by a clock that never steps, ages by the one that lines were stamped with.
package struct DeliveryTime: Sendable, Equatable {
    /// Since some moment of this run.
    package var monotonic: Duration
    package var wall: Timestamp

    package init(monotonic: Duration, wall: Timestamp) { (self.monotonic, self.wall) = (monotonic, wall) }
}
