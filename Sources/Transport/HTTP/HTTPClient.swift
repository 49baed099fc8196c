import NIOCore
import WireProtocols

/// An HTTP/1.1 client for the few requests of a source or a sink: one at a time, over one connection that is kept for the
/// next request to the same origin. Confined to one event loop.
package final class HTTPClient {
    /// A request under way.
    private struct Pending {
        var request: HTTPClientRequest
        /// What its user asked for.
        let first: HTTPURL
        var redirects = 0
        let promise: EventLoopPromise<HTTPClientResponse>
    }

    private struct Kept {
        let origin: HTTPURL
        let handler: HTTPExchangeHandler
    }

    package let eventLoop: any EventLoop
    private let configuration: HTTPClientConfiguration
    private var waiting = CircularBuffer<Pending>()
    private var current: Pending?
    private var kept: Kept?
    private var isClosed = false

    package init(_ configuration: HTTPClientConfiguration = HTTPClientConfiguration(), on eventLoop: any EventLoop) {
        (self.configuration, self.eventLoop) = (configuration, eventLoop)
    }

    /// Sends a request when those before it are answered. Any complete answer is a success, whatever its status; fails with
    /// `ConnectionError`.
    package func send(_ request: HTTPClientRequest) -> EventLoopFuture<HTTPClientResponse> {
        eventLoop.preconditionInEventLoop()
        guard !isClosed, waiting.count < configuration.waitingRequests else {
            let words = isClosed ? "the client is closed" : "\(waiting.count) requests are waiting already"
            return eventLoop.makeFailedFuture(ConnectionError(.request, .system(words)))
        }
        let promise = eventLoop.makePromise(of: HTTPClientResponse.self)
        waiting.append(Pending(request: request, first: request.url, promise: promise))
        beginNext()
        return promise.futureResult
    }

    /// Fails what is under way and what waits, and closes the connection.
    package func close() {
        isClosed = true
        let tasks = [current].compactMap { $0 } + waiting
        (current, waiting) = (nil, [])
        kept?.handler.close()
        kept = nil
        for task in tasks { task.promise.fail(ConnectionError(.request, .system("the client is closed"))) }
    }

    private func beginNext() {
        guard current == nil, let task = waiting.popFirst() else { return }
        current = task
        begin()
    }

    private func begin() {
        guard let request = current?.request else { return }
        let bytes: ByteBuffer
        do {
            bytes = try self.bytes(of: request)
        } catch {
            return finish(.failure(ConnectionError(.request, .request(error))))
        }
        if let kept, kept.handler.isUsable, kept.origin.hasSameOrigin(as: request.url) {
            perform(request, bytes, on: kept.handler, isFresh: false)
        } else {
            connect(for: request, bytes)
        }
    }

    private func connect(for request: HTTPClientRequest, _ bytes: ByteBuffer) {
        kept?.handler.close()
        kept = nil
        let url = request.url
        var endpoint = EndpointConfiguration(
            host: url.host, port: url.port, tls: url.isSecure ? configuration.tls : nil, proxy: configuration.proxy,
            timeouts: configuration.timeouts)
        endpoint.addresses = configuration.addresses
        endpoint.observer = configuration.observer
        let handler = HTTPExchangeHandler(configuration: configuration)
        let bound = NIOLoopBound(handler, eventLoop: eventLoop)
        Connector.connect(endpoint, on: eventLoop) { channel in
            try channel.pipeline.syncOperations.addHandler(bound.value)
        }.assumeIsolated().whenComplete { result in
            switch result {
            case .success where self.isClosed: handler.close()
            case .success:
                self.kept = Kept(origin: url, handler: handler)
                self.perform(request, bytes, on: handler, isFresh: true)
            case .failure(let error):
                let error = error as? ConnectionError ?? ConnectionError(.connect, .system("\(error)"))
                self.finish(.failure(error))
            }
        }
    }

    private func perform(
        _ request: HTTPClientRequest, _ bytes: ByteBuffer, on handler: HTTPExchangeHandler, isFresh: Bool
    ) {
        handler.perform(bytes, method: request.method) { outcome in
            switch outcome {
            case .answer(let head, let body):
                self.answered(HTTPClientResponse(head: head, body: body, url: request.url))
            case .failed(let error, let isUntouched):
                // A server may close a kept connection while our request is on its way (RFC 9112, section 9.3.1).
                if !isFresh, isUntouched, request.isRepeatable, !error.isTimeout, !self.isClosed {
                    self.connect(for: request, bytes)
                } else {
                    self.finish(.failure(error))
                }
            }
        }
    }

    private func answered(_ response: HTTPClientResponse) {
        guard let task = current, task.request.followedRedirects > 0, response.isRedirect else {
            return finish(.success(response))
        }
        do {
            current = try redirected(task, by: response)
            begin()
        } catch {
            finish(.failure(ConnectionError(.request, .redirect(error))))
        }
    }

    /// RFC 9110, section 15.4.
    private func redirected(_ task: Pending, by response: HTTPClientResponse) throws(HTTPRedirectError) -> Pending {
        var task = task
        let limit = task.request.followedRedirects
        guard task.redirects < limit else { throw .tooMany(limit: limit) }
        guard let location = response.head.headers.first("Location"), let url = response.url.resolving(location) else {
            throw .badLocation
        }
        guard url.isSecure || !response.url.isSecure else { throw .insecure }
        if response.status == 303 || (response.status < 303 && task.request.method == "POST") {
            if task.request.method != "HEAD" { task.request.method = "GET" }
            task.request.body = nil
            task.request.headers.remove("Content-Type")
        }
        if !url.hasSameOrigin(as: task.first) {
            task.request.credentials = nil
            for name in ["Authorization", "Cookie", "Proxy-Authorization"] { task.request.headers.remove(name) }
        }
        task.redirects += 1
        task.request.url = url
        return task
    }

    private func finish(_ result: Result<HTTPClientResponse, ConnectionError>) {
        guard let task = current.take() else { return }
        switch result {
        case .success(let response): task.promise.succeed(response)
        case .failure(let error): task.promise.fail(error)
        }
        beginNext()
    }

    private func bytes(of request: HTTPClientRequest) throws(HTTPUsageError) -> ByteBuffer {
        for name in ["Host", "Content-Length", "Transfer-Encoding", "Connection"] where request.headers.contains(name) {
            throw .reservedField(name: name)
        }
        var headers: HTTPHeaders = ["Host": request.url.authority]
        if !request.headers.contains("User-Agent") { headers.add("User-Agent", configuration.userAgent) }
        if !request.headers.contains("Accept") { headers.add("Accept", "*/*") }
        if let credentials = request.credentials { headers.add("Authorization", credentials.field) }
        headers.add(request.headers)
        // A length of 0 tells a server that none follows (RFC 9110, section 8.6).
        if request.body != nil || ["POST", "PUT", "PATCH"].contains(request.method) {
            headers.add("Content-Length", "\(request.body?.readableBytes ?? 0)")
        }
        var buffer = ByteBuffer()
        try HTTPHeadWriter.write(
            HTTPRequestHead(method: request.method, target: request.url.target, headers: headers), into: &buffer)
        if let body = request.body { buffer.writeImmutableBuffer(body) }
        return buffer
    }
}

extension HTTPClientResponse {
    fileprivate var isRedirect: Bool { [301, 302, 303, 307, 308].contains(status) }
}

extension ConnectionError {
    fileprivate var isTimeout: Bool {
        if case .timedOut = reason { return true }
        return false
    }
}
