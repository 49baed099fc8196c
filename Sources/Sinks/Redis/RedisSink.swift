import BridgeCore
import Codecs
import Logging
import NIOCore
import NIOPosix
import Transport
import WireProtocols

/// Writes events to a Redis server: to streams, to lists, or to channels.
///
/// A batch is one write of all its commands, and taken when their answers are there. What was sent and not answered is sent
/// again: at least once, and a repeat has the same id. The connection is made when there is something to send, and anew after
/// each failure; when to try is the pump's affair.
package actor RedisSink: Sink {
    /// What is written, and where.
    package enum Destination: Sendable, Equatable {
        package enum End: String, Sendable, CaseIterable {
            case left, right
        }

        /// XADD.
        case stream(LineTemplate, Trimming?)
        /// RPUSH or LPUSH, then LTRIM to the given length.
        case list(LineTemplate, End, length: Int?)
        /// PUBLISH.
        case channel(LineTemplate)

        var name: LineTemplate {
            switch self {
            case .stream(let name, _), .list(let name, _, _), .channel(let name): name
            }
        }
    }

    /// What a stream keeps.
    package struct Trimming: Sendable, Equatable {
        package enum Bound: Sendable, Equatable {
            /// MAXLEN.
            case length(Int)
            /// MINID, by our clock.
            case age(Duration)
        }

        package let bound: Bound
        /// False: `~`, the server removes whole nodes of its tree only, which is much cheaper.
        package let isExact: Bool

        package init(_ bound: Bound, isExact: Bool = false) { (self.bound, self.isExact) = (bound, isExact) }
    }

    package struct Options: Sendable {
        package var server: RedisConnectionConfiguration
        package var destination: Destination
        package var format = LineFormat.json
        package var batchLines = 200
        /// From commands to the last of their answers.
        package var timeout = Duration.seconds(15)
        /// Different keys in one run. The events of further ones go to a common key.
        package var maximumKeys = 10_000

        package init(server: RedisConnectionConfiguration, destination: Destination) {
            (self.server, self.destination) = (server, destination)
        }
    }

    /// Stands for the values of keys beyond `maximumKeys`.
    package static let overflow = "_overflow"
    /// What is published is for those who listen now.
    package static let usualMaximumAgeOfChannels = Duration.seconds(300)
    /// Lines remembered as taken although one before them was not.
    private static let maximumAhead = 4096

    package nonisolated let name: String
    package nonisolated let needsThread = false
    package nonisolated let policy: DeliveryPolicy
    private let options: Options
    private let link: RedisSinkLink
    private let logger: Logger
    private let now: @Sendable () -> Timestamp
    private var keys: Set<String> = []
    private var isOverflowTold = false
    private var isTrimRefusalTold = false
    private var isTransactionRefusalTold = false
    /// Taken already, by `seq`, with a hash of the line: those behind a line that was refused for its key.
    private var ahead: [Int64: Int] = [:]

    package init(
        name: String, options: Options, logger: Logger,
        eventLoop: any EventLoop = MultiThreadedEventLoopGroup.singleton.next(),
        now: @escaping @Sendable () -> Timestamp = WallClock.now
    ) {
        (self.name, self.options, self.logger, self.now) = (name, options, logger, now)
        var maximumAge: Duration?
        if case .channel = options.destination { maximumAge = Self.usualMaximumAgeOfChannels }
        policy = DeliveryPolicy(
            batchLines: options.batchLines, batchBytes: 256 << 10, maximumAge: maximumAge, retries: .remote)
        var server = options.server
        server.limits = RESPLimits(replyBytes: 1 << 20, replyValues: 8192)
        link = RedisSinkLink(server, timeout: TimeAmount(options.timeout), logger: logger, on: eventLoop)
    }

    package func open(cursor: Int64, stream: UUID128) -> Int64 { cursor }

    package func deliver(_ batch: DeliveryBatch) async -> DeliveryOutcome {
        let wasTaken = (0..<batch.count).map { index in
            ahead[batch.seqs[index]].map { $0 == Self.hash(batch, index) } ?? false
        }
        let keys = keys(of: batch, without: wasTaken)
        let commands = RedisSinkCommands(
            batch, keys: keys, destination: options.destination, format: options.format, now: now())
        guard commands.answerCount > 0 else {
            forget(batch.seqs[...])
            return .delivered
        }
        let answers = await link.send(commands.bytes, answers: commands.answerCount)
        let reading = RedisSinkReading(commands, answers.answers)
        tell(reading)
        if reading.refusal?.endsConnection == true { link.reconnect() }
        let isTaken = (0..<batch.count).map { wasTaken[$0] || reading.taken.contains($0) }
        guard let first = isTaken.firstIndex(of: false) else {
            forget(batch.seqs[...])
            return .delivered
        }
        forget(batch.seqs[..<first])
        for index in first..<batch.count where isTaken[index] {
            ahead[batch.seqs[index]] = Self.hash(batch, index)
        }
        if ahead.count > Self.maximumAhead { ahead.removeAll() }
        let through = first > 0 ? batch.seqs[first - 1] : nil
        let reason = reason(reading.refusal, answers.failure)
        return reading.refusal?.isOversize == true
            ? .rejected(through: through, reason: reason) : .retry(through: through, reason: reason)
    }

    /// Connections lead where the name led before.
    package nonisolated func reopen() { link.reconnect() }

    package func close() async { await link.close() }

    // MARK: - Private

    /// These do not come again.
    private func forget(_ seqs: ArraySlice<Int64>) {
        if !ahead.isEmpty { for seq in seqs { ahead[seq] = nil } }
    }

    private static func hash(_ batch: DeliveryBatch, _ index: Int) -> Int {
        var hasher = Hasher()
        batch.bytes.withUnsafeBytes {
            hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: $0[batch.range(ofLine: index)]))
        }
        return hasher.finalize()
    }

    /// The key or channel of each line; nil where it is not to be sent.
    private func keys(of batch: DeliveryBatch, without wasTaken: [Bool]) -> [String?] {
        batch.bytes.withUnsafeBytes { bytes in
            (0..<batch.count).map { index in
                wasTaken[index]
                    ? nil : key(of: UnsafeRawBufferPointer(rebasing: bytes[batch.range(ofLine: index)]))
            }
        }
    }

    private func key(of line: UnsafeRawBufferPointer) -> String {
        let template = options.destination.name
        guard !template.isConstant else { return template.spelling }
        let key = template.text(for: line)
        // A channel is nothing that stays.
        if case .channel = options.destination { return key }
        if keys.contains(key) { return key }
        guard keys.count < options.maximumKeys else {
            let common = template.text(filledWith: Self.overflow)
            if !isOverflowTold {
                isOverflowTold = true
                logger.warning(
                    "events fill in more different keys than max_keys; those of further ones go to a common key",
                    metadata: ["max_keys": "\(options.maximumKeys)", "key": "\(common)"])
            }
            return common
        }
        keys.insert(key)
        return key
    }

    private func reason(_ refusal: RedisServerError?, _ failure: ConnectionError?) -> String {
        let place = options.destination.name.spelling
        if let refusal { return "redis: \(refusal.advice(writingTo: place))" }
        return failure.map { "redis: \($0)" } ?? "redis: an answer is missing"
    }

    private func tell(_ reading: RedisSinkReading) {
        if let error = reading.trimRefusal, !isTrimRefusalTold {
            isTrimRefusalTold = true
            logger.warning(
                "redis refuses LTRIM: lists grow beyond max_length", metadata: ["reason": "\(error.advice)"])
        }
        if let error = reading.transactionRefusal, !reading.taken.isEmpty, !isTransactionRefusalTold {
            isTransactionRefusalTold = true
            logger.warning(
                "redis refuses MULTI: a batch is no whole, and may be there in part and out of order after a failure",
                metadata: ["reason": "\(error.advice)"])
        }
    }
}
