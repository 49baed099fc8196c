import Codecs
import NIOCore

/// The CONNECT conversation with a proxy without its socket (RFC 9110, section 9.3.6): our request, then its answer.
struct ProxyTunnel {
    enum Step: Equatable {
        case needsBytes
        /// The tunnel is there; the bytes behind the answer's head are the server's.
        case open(rest: ByteBuffer)
    }

    static let maximumHeadBytes = 16 << 10

    private let hasCredentials: Bool
    private var head = ByteBuffer()
    /// How far the present head was looked at, and whether a line begins there.
    private var scanned = (count: 0, isAtLineStart: false)

    /// The first bytes, which are ours.
    let request: ByteBuffer

    /// Nil where `host` cannot stand in a request.
    init?(to host: String, port: Int, credentials: ProxyCredentials?) {
        guard !host.isEmpty, host.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        let authority = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        var request = ByteBuffer(string: "CONNECT \(authority) HTTP/1.1\r\nHost: \(authority)\r\n")
        if let credentials {
            let pair = Array(credentials.username.utf8) + [UInt8(ascii: ":")] + credentials.password
            request.writeString("Proxy-Authorization: Basic \(Base64.encode(pair))\r\n")
        }
        request.writeString("\r\n")
        (self.request, hasCredentials) = (request, credentials != nil)
    }

    /// Any 2xx opens the tunnel; answers below 200 only announce another.
    mutating func receive(_ bytes: ByteBuffer) throws(ProxyError) -> Step {
        head.writeImmutableBuffer(bytes)
        while true {
            let view = head.readableBytesView
            guard Self.mayBeHTTP(view) else { throw .notHTTP(PeerText.excerpt(view)) }
            let length = headLength()
            guard length ?? view.count <= Self.maximumHeadBytes else {
                throw .headTooLong(limit: Self.maximumHeadBytes)
            }
            guard let length else { return .needsBytes }
            guard let (status, reason) = Self.status(view) else { throw .notHTTP(PeerText.excerpt(view)) }
            head.moveReaderIndex(forwardBy: length)
            scanned = (0, false)
            switch status {
            case 100..<200 where status != 101: continue
            case 200..<300: return .open(rest: head)
            case 407: throw hasCredentials ? .credentialsRefused : .credentialsRequired
            default: throw .refused(status: status, reason: reason)
            }
        }
    }

    private static func mayBeHTTP(_ bytes: ByteBufferView) -> Bool {
        zip(bytes, "HTTP/1.".utf8).allSatisfy { $0 == $1 }
    }

    /// The bytes up to and with the empty line. A line may end by LF alone (RFC 9112, section 2.2).
    private mutating func headLength() -> Int? {
        for byte in head.readableBytesView.dropFirst(scanned.count) {
            scanned.count += 1
            switch byte {
            case UInt8(ascii: "\n"):
                if scanned.isAtLineStart { return scanned.count }
                scanned.isAtLineStart = true
            case UInt8(ascii: "\r"): break
            default: scanned.isAtLineStart = false
            }
        }
        return nil
    }

    /// `HTTP/1.1 200 Connection established`
    private static func status(_ bytes: ByteBufferView) -> (Int, String)? {
        let line = bytes.prefix { $0 != UInt8(ascii: "\r") && $0 != UInt8(ascii: "\n") }
        let words = line.split(separator: UInt8(ascii: " "), maxSplits: 2, omittingEmptySubsequences: false)
        guard words.count >= 2, words[1].count == 3, let status = Int(String(decoding: words[1], as: UTF8.self)),
            status >= 100
        else { return nil }
        return (status, words.count > 2 ? PeerText.printable(words[2], limit: 80) : "")
    }
}

/// Speaks to the proxy on an active channel, then is to be removed; what it held back goes up then.
final class ProxyTunnelHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var tunnel: ProxyTunnel
    private let timeout: TimeAmount
    private var opened: ((Result<Void, ConnectionError>) -> Void)?
    private var timer: LoopTimer?
    private var rest: ByteBuffer?

    /// `opened` is called once, on the event loop.
    init(_ tunnel: ProxyTunnel, timeout: TimeAmount, opened: @escaping (Result<Void, ConnectionError>) -> Void) {
        (self.tunnel, self.timeout, self.opened) = (tunnel, timeout, opened)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let timer = LoopTimer(eventLoop: context.eventLoop) { [weak self, timeout] in
            self?.finish(.failure(ConnectionError(.proxy, .timedOut(Duration(timeout)))))
        }
        timer.set(context.eventLoop.now + timeout)
        self.timer = timer
        context.writeAndFlush(wrapOutboundOut(tunnel.request), promise: nil)
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        guard opened != nil else {
            rest?.writeImmutableBuffer(bytes)
            return
        }
        do {
            guard case .open(let rest) = try tunnel.receive(bytes) else { return }
            self.rest = rest
            finish(.success(()))
        } catch {
            finish(.failure(ConnectionError(.proxy, .proxy(error))))
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if opened != nil { context.read() }
        context.fireChannelReadComplete()
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish(.failure(ConnectionError(.proxy, .closedByPeer)))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard opened != nil else { return context.fireErrorCaught(error) }
        finish(.failure(ConnectionError(.proxy, .system(SystemWords.of(error)))))
    }

    func removeHandler(context: ChannelHandlerContext, removalToken: ChannelHandlerContext.RemovalToken) {
        if let rest, rest.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(rest)) }
        rest = nil
        context.leavePipeline(removalToken: removalToken)
    }

    private func finish(_ result: Result<Void, ConnectionError>) {
        timer?.set(nil)
        guard let opened else { return }
        self.opened = nil
        opened(result)
    }
}
