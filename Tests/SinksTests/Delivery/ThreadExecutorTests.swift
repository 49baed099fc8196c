import Bridge
import Glibc
import Synchronization
import TestSupport
import Testing

/// How many are in a place at once.
private final class Occupancy: Sendable {
    private let inside = Atomic(0)
    let most = Atomic(0)

    func enter() { most.max(inside.wrappingAdd(1, ordering: .relaxed).newValue, ordering: .relaxed) }
    func leave() { inside.wrappingSubtract(1, ordering: .relaxed) }
}

@Suite(.timeLimit(.minutes(1)))
struct ThreadExecutorTests {
    @Test func `Children of a group run on the one thread, one at a time, also behind a suspension`() async throws {
        let executor = try ThreadExecutor(name: "of the test")
        defer { executor.shutdown() }
        let occupancy = Occupancy()
        let threads = await withTaskGroup(of: [UInt].self) { group in
            for _ in 0..<50 {
                group.addTask(executorPreference: executor) {
                    var seen: [UInt] = []
                    for _ in 0..<20 {
                        occupancy.enter()
                        seen.append(UInt(pthread_self()))
                        occupancy.leave()
                        await Task.yield()
                    }
                    return seen
                }
            }
            return await group.reduce(into: Set<UInt>()) { $0.formUnion($1) }
        }
        #expect(threads.count == 1)
        #expect(occupancy.most.load(ordering: .relaxed) == 1)
    }

    @Test func `A thread ends with shutdown, and what comes later still runs`() async throws {
        let name = "ends-\(UInt16.random(in: 0...(.max)))"
        let executor = try ThreadExecutor(name: name)
        await withTaskGroup(of: Void.self) { $0.addTask(executorPreference: executor) {} }
        try await eventually("the thread has its name") { threadNames().contains(name) }
        executor.shutdown()
        try await eventually("the thread has ended") { !threadNames().contains(name) }
        let answer = await withTaskGroup(of: Int.self) { group in
            group.addTask(executorPreference: executor) { 42 }
            return await group.next()
        }
        #expect(answer == 42)
    }

    private func threadNames() -> Set<String> {
        guard let directory = opendir("/proc/self/task") else { return [] }
        defer { closedir(directory) }
        var names: Set<String> = []
        while let entry = readdir(directory) {
            let thread = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            names.insert(String(decoding: bytes(ofFile: "/proc/self/task/\(thread)/comm").dropLast(), as: UTF8.self))
        }
        return names
    }
}
