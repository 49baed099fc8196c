import BridgeCore
import Codecs
import Foundation
import NIOCore
import NIOPosix
import TestSupport
import Testing
import Transport

@testable import Adapters

@Suite("Enreach: tokens from a file, a program, the environment", .serialized)
struct EnreachTokenSourceTests {
    private static let now = Timestamp(microseconds: 1_700_000_000_000_000)

    /// What a fresh source gives, and what the same one gives after `change`, which follows a 401.
    private func tokens(
        _ origin: EnreachTokenSource.Origin, change: () throws -> Void
    ) async throws -> (first: String, again: String, afterRefusal: String, reaction: EnreachTokenCache.Reaction) {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let box = NIOLoopBoundBox<EnreachTokenSource?>.makeEmptyBox(eventLoop: loop)
        func token() async throws -> String {
            try await loop.flatSubmit {
                if box.value == nil { box.value = EnreachTokenSource(origin, api: nil, eventLoop: loop) }
                return box.value?.token(now: Self.now)
                    ?? loop.makeFailedFuture(TestFailure(description: "no source"))
            }.get().text
        }
        let result: Result<(String, String, String, EnreachTokenCache.Reaction), any Error>
        do {
            let first = try await token()
            try change()
            let again = try await token()
            let reaction = try await loop.submit { box.value?.refused() ?? .backOff }.get()
            result = .success((first, again, try await token(), reaction))
        } catch {
            result = .failure(error)
        }
        try await loop.submit { box.value = nil }.get()
        try await group.shutdownGracefully()
        return try result.get()
    }

    @Test("A file is read when a token is needed, and again after a 401")
    func file() async throws {
        let directory = try TemporaryDirectory()
        try directory.write("token", "first\n")
        let seen = try await tokens(.secret(SecretReference(path: directory.file("token"), isGuarded: true))) {
            try directory.write("token", "second\n")
        }
        #expect(seen == ("first", "first", "second", .renew))
    }

    @Test("A program is run when a token is needed, and again after a 401")
    func command() async throws {
        let directory = try TemporaryDirectory()
        try directory.write("token", "first")
        let seen = try await tokens(.command(["/bin/cat", directory.file("token")])) {
            try directory.write("token", "second")
        }
        #expect(seen == ("first", "first", "second", .renew))
    }

    @Test("A fixed one stays, and a 401 waits")
    func fixed() async throws {
        let seen = try await tokens(.secret(SecretReference(Secret(Array("only".utf8))))) {}
        #expect(seen == ("only", "only", "only", .backOff))
    }

    @Test("A file that has gone is said")
    func gone() async throws {
        let directory = try TemporaryDirectory()
        try directory.write("token", "first\n")
        let path = directory.file("token")
        let origin = EnreachTokenSource.Origin.secret(try SecretReference(path: path, isGuarded: true))
        let error = await #expect(throws: ConnectionError.self) {
            _ = try await tokens(origin) { unlink(path) }
        }
        #expect(error.map { "\($0)" } == "login: the token file \(path) cannot be read: No such file or directory")
    }

    @Test(
        "What goes wrong is said without the content",
        arguments: [
            (
                .command(["/bin/false"]),
                "login: the token command /bin/false ended with status 1; run it by hand to see why"
            ),
            (
                .command(["/bin/echo", "two", "words"]),
                "login: the token command /bin/echo holds no token: one line of visible characters is expected"
            ),
        ] as [(EnreachTokenSource.Origin, String)])
    func failures(origin: EnreachTokenSource.Origin, words: String) async throws {
        let error = await #expect(throws: ConnectionError.self) { _ = try await tokens(origin) {} }
        #expect(error.map { "\($0)" } == words)
    }
}
