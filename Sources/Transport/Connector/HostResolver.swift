import Glibc
import NIOCore
import NIOPosix

/// Names to addresses by the system's resolver, on threads of its own, with a deadline.
///
/// The system's resolver cannot be interrupted: a lookup that is given up keeps its thread until the system gives up too.
/// So no more than `threadCount` lookups run and others wait for them, and a name takes one of the threads however often it
/// is asked for meanwhile: where its name server is silent, others find theirs.
enum HostResolver {
    private static let threadCount = 4
    private static let maximumAddresses = 32
    private static let threads: NIOThreadPool = {
        let pool = NIOThreadPool(numberOfThreads: threadCount)
        pool.start()
        return pool
    }()
    private static let lookups = SharedLookups(on: threads)

    /// At least one address, in the order of the system. Fails with a `ConnectionError` of the stage `resolve`.
    static func resolve(
        _ host: String, port: Int, within limit: TimeAmount, on eventLoop: any EventLoop
    ) -> EventLoopFuture<[SocketAddress]> {
        if let address = try? SocketAddress(ipAddress: host, port: port) {
            return eventLoop.makeSucceededFuture([address])
        }
        return lookups.find("\(host):\(port)", for: eventLoop) { try addresses(of: host, port: port) }
            .within(limit, orFail: ConnectionError(.resolve, .timedOut(Duration(limit))))
    }

    private static func addresses(of host: String, port: Int) throws(ConnectionError) -> [SocketAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_protocol = Int32(IPPROTO_TCP)
        var list: UnsafeMutablePointer<addrinfo>?
        hints.ai_flags = AI_NUMERICSERV
        let code = getaddrinfo(host, String(port), &hints, &list)
        guard code == 0 else {
            let words = code == EAI_SYSTEM ? String(cString: strerror(errno)) : String(cString: gai_strerror(code))
            throw ConnectionError(.resolve, .system("no address for \(host): \(words.lowercased())"))
        }
        defer { freeaddrinfo(list) }
        var found: [SocketAddress] = []
        var next = list
        while let entry = next?.pointee, found.count < maximumAddresses {
            if let address = address(entry, host: host) { found.append(address) }
            next = entry.ai_next
        }
        guard !found.isEmpty else { throw ConnectionError(.resolve, .system("no address for \(host)")) }
        return found
    }

    private static func address(_ entry: addrinfo, host: String) -> SocketAddress? {
        guard let raw = entry.ai_addr else { return nil }
        switch entry.ai_family {
        case AF_INET:
            return raw.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { SocketAddress($0.pointee, host: host) }
        case AF_INET6:
            return raw.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { SocketAddress($0.pointee, host: host) }
        default: return nil
        }
    }
}

extension EventLoopFuture where Value: Sendable {
    /// What this future comes to, or `error` once `limit` has passed: what comes later is dropped.
    func within(_ limit: TimeAmount, orFail error: ConnectionError) -> EventLoopFuture<Value> {
        let promise = eventLoop.makePromise(of: Value.self)
        let timer = eventLoop.scheduleTask(in: limit) { promise.fail(error) }
        // A loop that is shut down fires no timer.
        timer.futureResult.whenFailure { _ in promise.fail(error) }
        whenComplete { result in
            promise.completeWith(result)
            timer.cancel()
        }
        return promise.futureResult
    }
}

/// Addresses that are known already, for NIO's happy eyeballs.
struct ResolvedAddresses: Resolver, Sendable {
    let addresses: [SocketAddress]
    let eventLoop: any EventLoop

    func initiateAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
        eventLoop.makeSucceededFuture(addresses.filter { $0.protocol == .inet })
    }

    func initiateAAAAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
        eventLoop.makeSucceededFuture(addresses.filter { $0.protocol == .inet6 })
    }

    func cancelQueries() {}
}
