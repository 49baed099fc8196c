import COpenSSL
import NIOCore
import NIOEmbedded
import TestSupport
import Testing

@testable import Transport

/// The handler in a channel without a socket, against the engine as its peer.
@Suite struct TLSHandlerTests {
    @Test("What is written between two flushes becomes one record, in order, and every promise is kept")
    func joinsWrites() throws {
        let bench = try HandlerBench()
        try bench.shakeHands()
        var kept = 0
        for number in 0..<64 {
            let promise = bench.channel.eventLoop.makePromise(of: Void.self)
            promise.futureResult.assumeIsolated().whenSuccess { kept += 1 }
            bench.channel.write(ByteBuffer(string: "\(number),"), promise: promise)
        }
        #expect(try bench.output().readableBytes == 0 && kept == 0)
        bench.channel.flush()
        let output = try bench.output()
        #expect(recordCount(output) == 1 && kept == 64)
        bench.peer.receive(output)
        #expect(bench.peer.text == (0..<64).map { "\($0)," }.joined())
    }

    @Test(
        "Large and small writes keep their order and fill their records", arguments: [1, 100, 16_384, 16_385, 70_000])
    func keepsOrder(size: Int) throws {
        let bench = try HandlerBench()
        try bench.shakeHands()
        var expected: [UInt8] = []
        for (number, length) in [3, size, 5, size, 7].enumerated() {
            let bytes = [UInt8](repeating: UInt8(number), count: length)
            expected += bytes
            bench.channel.write(ByteBuffer(bytes: bytes), promise: nil)
        }
        bench.channel.flush()
        let output = try bench.output()
        bench.peer.receive(output)
        #expect(bench.peer.plaintext.readableBytesView.elementsEqual(expected))
        #expect(recordCount(output) <= expected.count / TLSSession.recordBytes + 5)
    }

    @Test("A write without flush beyond one record goes to the channel, which counts it")
    func accountsForUnflushedBytes() throws {
        let bench = try HandlerBench()
        try bench.shakeHands()
        let before = bench.writes.count
        bench.channel.write(ByteBuffer(bytes: [UInt8](repeating: 0, count: 16_383)), promise: nil)
        #expect(bench.writes.count == before)
        bench.channel.write(ByteBuffer(bytes: [0]), promise: nil)
        #expect(bench.writes.count == before + 1)
    }

    @Test("What is written before the handshake is sent after it")
    func keepsEarlyWrites() throws {
        let bench = try HandlerBench()
        bench.channel.writeAndFlush(ByteBuffer(string: "early"), promise: nil)
        try bench.shakeHands()
        bench.peer.receive(try bench.output())
        #expect(bench.peer.text == "early")
    }

    @Test("More than a megabyte before the handshake fails the connection")
    func boundsEarlyWrites() throws {
        let bench = try HandlerBench()
        try bench.connect()
        let promise = bench.channel.eventLoop.makePromise(of: Void.self)
        for _ in 0..<17 { bench.channel.write(ByteBuffer(bytes: [UInt8](repeating: 0, count: 65_536)), promise: nil) }
        bench.channel.write(ByteBuffer(string: "x"), promise: promise)
        #expect(throws: (any Error).self) { try promise.futureResult.wait() }
        #expect(bench.outcome?.contains("before the handshake was done") == true && !bench.channel.isActive)
    }

    @Test("The outcome of the handshake is told before the first byte of the application")
    func outcomeFirst() throws {
        let bench = try HandlerBench()
        try bench.connect()
        bench.peer.receive(try bench.output())
        // The server's first word comes in one read with the end of its handshake.
        let flight = bench.peer.output()
        try bench.channel.writeInbound(flight)
        bench.peer.receive(try bench.output())
        try bench.peer.write(Array("hello".utf8))
        try bench.channel.writeInbound(bench.peer.output())
        #expect(bench.events == ["established", "read hello"])
    }

    @Test("A cut without close_notify is told, then the end")
    func cut() throws {
        let bench = try HandlerBench()
        try bench.shakeHands()
        bench.channel.pipeline.fireChannelInactive()
        #expect(bench.events == ["established", "\(TLSError.truncated)", "inactive"])
    }

    @Test("The peer's close_notify is answered and closes the channel without an error")
    func peerCloses() throws {
        let bench = try HandlerBench()
        try bench.shakeHands()
        try bench.peer.write(Array("bye".utf8))
        bench.peer.session.close()
        try bench.channel.writeInbound(bench.peer.output())
        bench.peer.receive(try bench.output())
        #expect(bench.peer.steps.last == .closed)
        #expect(bench.events == ["established", "read bye", "inactive"] && !bench.channel.isActive)
    }

    @Test("Closing sends close_notify and waits for the peer's, which may come after bytes for nobody")
    func weClose() throws {
        let bench = try HandlerBench()
        try bench.shakeHands()
        bench.channel.write(ByteBuffer(string: "last"), promise: nil)
        let closed = bench.close()
        bench.peer.receive(try bench.output())
        #expect(bench.peer.text == "last" && bench.peer.steps.last == .closed)
        #expect(bench.channel.isActive && !closed())
        let late = bench.channel.writeAndFlush(ByteBuffer(string: "too late"))
        #expect(throws: ChannelError.self) { try late.wait() }
        try bench.peer.write(Array("for nobody".utf8))
        try bench.channel.writeInbound(bench.peer.output())
        #expect(bench.channel.isActive)
        bench.peer.session.close()
        try bench.channel.writeInbound(bench.peer.output())
        #expect(closed() && !bench.channel.isActive)
        #expect(bench.events == ["established", "inactive"])
    }

    @Test("A peer that does not answer close_notify is waited for two seconds")
    func weCloseOnAMutePeer() throws {
        let bench = try HandlerBench()
        try bench.shakeHands()
        let (first, second) = (bench.close(), bench.close())
        bench.channel.embeddedEventLoop.advanceTime(by: .milliseconds(1_999))
        #expect(!first() && bench.channel.isActive)
        bench.channel.embeddedEventLoop.advanceTime(by: .milliseconds(1))
        #expect(first() && second() && !bench.channel.isActive)
    }

    @Test("A mute handshake ends at its deadline, in a sentence with advice")
    func muteHandshake() throws {
        let bench = try HandlerBench()
        try bench.connect()
        bench.channel.embeddedEventLoop.advanceTime(by: .milliseconds(4_999))
        #expect(bench.outcome == nil)
        bench.channel.embeddedEventLoop.advanceTime(by: .milliseconds(1))
        #expect(bench.outcome == "tls: no answer within 5.0 seconds: is it the right port, and is TLS on there?")
        #expect(!bench.channel.isActive)
    }

    @Test("A deadline that the handshake has met fires no more")
    func deadlineMet() throws {
        let bench = try HandlerBench()
        try bench.shakeHands()
        bench.channel.embeddedEventLoop.advanceTime(by: .hours(1))
        #expect(bench.channel.isActive && bench.events == ["established"])
    }

    @Test("A fault of the certificate reaches the peer as an alert and us as a sentence, and closes the channel")
    func refusal() throws {
        let bench = try HandlerBench(name: "other.test")
        try bench.connect()
        bench.peer.receive(try bench.output())
        _ = try? bench.channel.writeInbound(bench.peer.output())
        bench.peer.receive(try bench.output())
        #expect(bench.outcome?.hasPrefix("tls: the certificate is for localhost, 127.0.0.1 and not for") == true)
        #expect(bench.peer.error == .alert("bad certificate") && !bench.channel.isActive)
    }

    @Test("A TLS 1.3 server that refuses our missing certificate after the handshake is told as that")
    func lateRefusal() throws {
        let bench = try HandlerBench { $0.clientAuthorities = .pem(handlerTestAuthority) }
        try bench.shakeHands()
        #expect(bench.peer.error == .noCertificate)
        _ = try? bench.channel.writeInbound(bench.peer.output())
        #expect(bench.events == ["established", "\(TLSError.clientCertificateRequired)", "inactive"])
    }

    @Test("Garbage after the handshake ends the connection with an alert")
    func garbage() throws {
        let bench = try HandlerBench()
        try bench.shakeHands()
        _ = try? bench.channel.writeInbound(ByteBuffer(bytes: [23, 3, 3, 0, 20] + [UInt8](repeating: 9, count: 20)))
        #expect(bench.events.count == 3 && bench.events[1].hasPrefix("TLS failed: ") && !bench.channel.isActive)
        bench.peer.receive(try bench.output())
        #expect(bench.peer.error == .alert("bad record mac"))
    }

    @Test("A peer that asks for key updates and reads nothing is cut at a bound")
    func unreadAnswers() throws {
        let bench = try HandlerBench()
        try bench.shakeHands()
        bench.channel.isWritable = false
        var rounds = 0
        while bench.channel.isActive, rounds < 100_000 {
            SSL_key_update(bench.peer.session.ssl, SSL_KEY_UPDATE_REQUESTED)
            try bench.peer.write([1])
            _ = try? bench.channel.writeInbound(bench.peer.output())
            rounds += 1
        }
        #expect(!bench.channel.isActive && bench.events.contains("\(TLSError.unreadAnswers(limitBytes: 256 << 10))"))
        #expect(bench.writtenBytes < 300_000)
    }

    @Test("Bytes that make no record yet do not satisfy a read that was asked for")
    func readsOn() throws {
        let bench = try HandlerBench()
        try bench.shakeHands()
        try bench.peer.write(Array("hello".utf8))
        var output = bench.peer.output()
        bench.channel.read()
        let before = bench.reads.count
        let half = try #require(output.getSlice(at: 0, length: 10))
        output.moveReaderIndex(to: 10)
        bench.channel.pipeline.fireChannelRead(half)
        bench.channel.pipeline.fireChannelReadComplete()
        #expect(bench.reads.count == before + 1)
        bench.channel.pipeline.fireChannelRead(output)
        bench.channel.pipeline.fireChannelReadComplete()
        #expect(bench.reads.count == before + 1 && bench.events.last == "read hello")
    }
}

private let handlerTestRoot = Result { try TestAuthority() }
private var handlerTestAuthority: String { (try? handlerTestRoot.get().certificate) ?? "" }

/// A client's handler in an embedded channel, what came out of it on either side, and its peer.
private final class HandlerBench {
    /// Between the handler and the socket.
    final class Below: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer
        var count = 0
        var bytes = 0
        let isOfReads: Bool
        init(ofReads isOfReads: Bool) { self.isOfReads = isOfReads }

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            if !isOfReads {
                count += 1
                bytes += unwrapOutboundIn(data).readableBytes
            }
            context.write(data, promise: promise)
        }

        func read(context: ChannelHandlerContext) {
            if isOfReads { count += 1 }
            context.read()
        }
    }

    final class Above: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        var events: [String] = []

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            events.append("read \(String(buffer: unwrapInboundIn(data)))")
        }

        func channelInactive(context: ChannelHandlerContext) { events.append("inactive") }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { events.append("\(error)") }
    }

    let channel = EmbeddedChannel()
    let peer: TLSSide
    let writes = Below(ofReads: false)
    let reads = Below(ofReads: true)
    private let above = Above()

    init(name: String = "localhost", adjust: (inout TLSServerConfiguration) -> Void = { _ in }) throws {
        var server = TLSServerConfiguration(identity: TLSIdentity(try handlerTestRoot.get().issue()))
        adjust(&server)
        peer = TLSSide(try TLSSession(server: try TLSContext(server)))
        let client = try TLSContext(TLSClientConfiguration.trusting(handlerTestAuthority))
        let session = try TLSSession(client: client, name: try #require(TLSServerName(name)))
        let handler = TLSHandler(session, timeout: .seconds(5)) { [above] outcome in
            switch outcome {
            case .success: above.events.append("established")
            case .failure(let error): above.events.append("failed \(error)")
            }
        }
        try channel.pipeline.syncOperations.addHandlers([writes, reads, handler, above])
    }

    /// Nobody would answer our close_notify.
    deinit {
        channel.close(promise: nil)
        channel.embeddedEventLoop.advanceTime(by: .seconds(10))
        _ = try? channel.finish(acceptAlreadyClosed: true)
    }

    var events: [String] { above.events }
    var writtenBytes: Int { writes.bytes }
    var outcome: String? {
        events.first { $0.hasPrefix("failed ") }.map { String($0.dropFirst(7)) }
    }

    func connect() throws { try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait() }

    func shakeHands() throws {
        if !channel.isActive { try connect() }
        for _ in 0..<4 where events.isEmpty {
            peer.receive(try output())
            try channel.writeInbound(peer.output())
        }
        #expect(events == ["established"])
        // The last flight of TLS 1.3 is ours.
        peer.receive(try output())
    }

    /// What the channel sent since the last call.
    func output() throws -> ByteBuffer {
        var joined = ByteBuffer()
        while var next = try channel.readOutbound(as: ByteBuffer.self) { joined.writeBuffer(&next) }
        return joined
    }

    /// Begins to close; the answer tells whether that is done.
    func close() -> () -> Bool {
        let done = Box()
        channel.close().assumeIsolated().whenSuccess { done.isSet = true }
        return { done.isSet }
    }

    private final class Box { var isSet = false }
}
