import BridgeCore
import Codecs
import Glibc
import Synchronization

/// The stream of all lines here.
let testStream = UUID128(high: 0x0192_f0c4_8a00_7000, low: 0x8000_0000_0000_0001)

/// One encoded line in the form of the model, newline included.
func line(
    _ seq: Int64, stream: UUID128 = testStream, kind: String = "call.answered", source: String = "cape",
    tenant: String? = "acme", text: String = "x"
) -> [UInt8] {
    var writer = ByteWriter()
    writer.append(#"{"v":1,"id":""#)
    writer.append(UUID128(high: UInt64(seq), low: 7))
    writer.append(
        utf8: #"","kind":"\#(kind)","stream":"\#(stream)","seq":\#(seq),"occurred_at":"2026-01-15T10:00:17.250000Z","#)
    writer.append(utf8: #""received_at":"\#(receivedAt(seq))","time_source":"received","origin":"live","#)
    if let tenant {
        writer.append(#""tenant":"#)
        writer.append(jsonString: tenant)
        writer.append(UInt8(ascii: ","))
    }
    writer.append(utf8: #""source":{"vendor":"teleforge","name":"\#(source)","event":"inbound/call"},"extra":{"note":"#)
    writer.append(jsonString: text)
    writer.append("}}\n")
    return writer.bytes
}

/// Lines are received one second apart, from 2026-01-15T10:00:00Z on.
func receivedAt(_ seq: Int64) -> Timestamp { noon.advanced(by: .seconds(seq)) }

let noon = Timestamp(microseconds: 1_768_471_200_000_000)

func lineBatch(_ seqs: ClosedRange<Int64>, _ make: (Int64) -> [UInt8] = { line($0) }) -> LineBatch {
    var bytes: [UInt8] = []
    var ends: [Int] = []
    for seq in seqs {
        bytes += make(seq)
        ends.append(bytes.count)
    }
    return LineBatch(firstSeq: seqs.lowerBound, bytes: bytes, ends: ends)
}

func delivery(_ seqs: ClosedRange<Int64>, _ make: (Int64) -> [UInt8] = { line($0) }) -> DeliveryBatch {
    DeliveryBatch(lineBatch(seqs, make))
}

/// The `seq` of each line of a text, -1 for what is no whole line.
func seqs(in text: some Sequence<UInt8>) -> [Int64] {
    var found: [Int64] = []
    var rest = Array(text)[...]
    while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
        let document = rest[..<end].withUnsafeBytes { try? JSONDocument($0) }
        found.append((document?.root["seq"]?.numberText).flatMap { Int64($0) } ?? -1)
        rest = rest[(end + 1)...]
    }
    return rest.isEmpty ? found : found + [-1]
}

func seqs(inFile path: String) -> [Int64] { seqs(in: bytes(ofFile: path)) }

func bytes(ofFile path: String) -> [UInt8] {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return [] }
    defer { close(file) }
    return readAvailable(file)
}

/// Everything that can be read without waiting.
func readAvailable(_ descriptor: Int32) -> [UInt8] {
    var all: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&wait, 1, 0) == 1 else { return all }
        let count = read(descriptor, &buffer, buffer.count)
        guard count > 0 else { return all }
        all += buffer[..<count]
    }
}

func write(_ bytes: [UInt8], toFile path: String) {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o640)
    _ = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
    close(file)
}

/// The wall clock of a test.
final class SettableWallClock: Sendable {
    private let time: Mutex<Timestamp>
    init(_ time: Timestamp = noon) { self.time = Mutex(time) }
    var now: Timestamp { time.withLock { $0 } }
    func advance(by duration: Duration) { time.withLock { $0 = $0.advanced(by: duration) } }
}

/// A pipe of a test, both ends closed with it. SIGPIPE is ignored, as in the daemon.
final class TestPipe: Sendable {
    let readEnd: Int32
    let writeEnd: Int32
    private let readerIsOpen = Atomic(true)

    init() {
        signal(SIGPIPE, SIG_IGN)
        var ends: [Int32] = [-1, -1]
        pipe(&ends)
        (readEnd, writeEnd) = (ends[0], ends[1])
    }

    /// No more can be written without waiting.
    var isFull: Bool {
        var wait = pollfd(fd: writeEnd, events: Int16(POLLOUT), revents: 0)
        return poll(&wait, 1, 0) == 0
    }

    func closeReader() {
        if readerIsOpen.exchange(false, ordering: .relaxed) { close(readEnd) }
    }

    deinit {
        closeReader()
        close(writeEnd)
    }
}
