import BridgeCore
import Glibc
import NIOCore
import NIOPosix
import Transport

/// What is told of a run of the program, on its event loop.
protocol ExecChildOwner: AnyObject {
    func started(_ child: ExecChild)
    /// Never after `started`; nothing is left of it.
    func failedToStart(_ child: ExecChild, _ error: any Error)
    func received(answer: LineSplitter.Line, from child: ExecChild)
    func received(error: LineSplitter.Line, from child: ExecChild)
    /// The program takes no more lines, though nobody has closed its input here.
    func closedInput(_ child: ExecChild)
    /// It is reaped, and what it had written is read.
    func ended(_ child: ExecChild, _ exit: ProgramExit)
}

/// One run of the program: its process, and the pipes to it and from it. Confined to its event loop.
final class ExecChild {
    /// What it wrote shortly before its end is read for so long, while a child of its own holds the pipes open.
    private static let readingLimit = TimeAmount.milliseconds(500)
    /// Of a line on its standard error.
    private static let maximumErrorBytes = 1024

    private let eventLoop: any EventLoop
    private weak var owner: (any ExecChildOwner)?
    private var process: pid_t?
    private var input: (any Channel)?
    private var readers: [any Channel] = []
    private var timer: LoopTimer?
    private var isAdopted = false
    private var hasExited = false
    private var isInputClosed = false

    init(eventLoop: any EventLoop, owner: any ExecChildOwner) { (self.eventLoop, self.owner) = (eventLoop, owner) }

    /// Starts the program and waits for its end, on a thread.
    func start(_ command: [String], adding variables: [String: String], hasAnswers: Bool) {
        timer = LoopTimer(eventLoop: eventLoop, slack: .zero) { self.finish() }
        let (bound, eventLoop) = (NIOLoopBound(self, eventLoop: eventLoop), eventLoop)
        do {
            try DetachedThread.start(name: "exec \(command.first ?? "")") {
                let result = Result { try ExecPipes.start(command, adding: variables, hasAnswers: hasAnswers) }
                eventLoop.execute { bound.value.spawned(result) }
                guard case .success(let pipes) = result else { return }
                ProgramExit.await(pipes.process)
                eventLoop.execute { bound.value.exited() }
            }
        } catch {
            eventLoop.execute { bound.value.spawned(.failure(error)) }
        }
    }

    private func spawned(_ result: Result<ExecPipes, any Error>) {
        switch result {
        case .failure(let error):
            timer = nil
            owner?.failedToStart(self, error)
        case .success(let pipes):
            process = pipes.process
            var channels = [adoptInput(pipes.input), adoptErrors(pipes.errors)]
            if let answers = pipes.answers { channels.append(adoptAnswers(answers)) }
            EventLoopFuture.andAllSucceed(channels, on: eventLoop).assumeIsolated().whenComplete { self.adopted($0) }
        }
    }

    private func adopted(_ result: Result<Void, any Error>) {
        isAdopted = true
        // Without its pipes the run is of no use: it ends as if the program had.
        if case .failure = result { signal(SIGKILL) }
        owner?.started(self)
        if hasExited { exited() }
    }

    // MARK: - Pipes

    private func adoptInput(_ descriptor: Int32) -> EventLoopFuture<Void> {
        adopt(descriptor, { $0.takingOwnershipOfDescriptor(output: descriptor) }).assumeIsolated().map { channel in
            self.input = channel
            channel.closeFuture.assumeIsolated().whenComplete { _ in
                guard !self.isInputClosed else { return }
                self.isInputClosed = true
                if !self.hasExited { self.owner?.closedInput(self) }
            }
        }.nonisolated()
    }

    private func adoptErrors(_ descriptor: Int32) -> EventLoopFuture<Void> {
        adoptReader(
            descriptor,
            ExecReader(limit: Self.maximumErrorBytes, isPaced: true) { self.owner?.received(error: $0, from: self) })
    }

    private func adoptAnswers(_ descriptor: Int32) -> EventLoopFuture<Void> {
        let receive = { (line: LineSplitter.Line) -> Void in self.owner?.received(answer: line, from: self) }
        return adoptReader(
            descriptor,
            ExecReader(
                limit: ExecAnswer.maximumBytes, isPaced: false, received: receive,
                overlong: { receive(LineSplitter.Line([], isCut: true)) }))
    }

    private func adoptReader(_ descriptor: Int32, _ reader: ExecReader) -> EventLoopFuture<Void> {
        let bound = NIOLoopBound(reader, eventLoop: eventLoop)
        return adopt(descriptor) { bootstrap in
            bootstrap.channelOption(.autoRead, value: false)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(bound.value)
                    }
                }.takingOwnershipOfDescriptor(input: descriptor)
        }.assumeIsolated().map { channel in
            self.readers.append(channel)
            channel.closeFuture.assumeIsolated().whenComplete { _ in
                self.readers.removeAll { $0 === channel }
                if self.hasExited, self.readers.isEmpty { self.finish() }
            }
        }.nonisolated()
    }

    private func adopt(
        _ descriptor: Int32, _ take: (NIOPipeBootstrap) -> EventLoopFuture<any Channel>
    ) -> EventLoopFuture<any Channel> {
        take(NIOPipeBootstrap(group: eventLoop)).flatMapErrorThrowing { error in
            close(descriptor)
            throw error
        }
    }

    // MARK: - In

    /// Writes lines that end at `ends`; `wrote` is told of each once the pipe has all of it.
    func write(_ bytes: [UInt8], ends: [Int], wrote: @escaping () -> Void) {
        guard let input else { return }
        let bytes = ByteBuffer(bytes: bytes)
        var start = 0
        for end in ends {
            guard let line = bytes.getSlice(at: start, length: end - start) else { return }
            start = end
            let promise = eventLoop.makePromise(of: Void.self)
            promise.futureResult.assumeIsolated().whenSuccess { wrote() }
            input.write(line, promise: promise)
        }
        input.flush()
    }

    /// The program reads the end of its input once it has read what is in the pipe.
    func closeInput() {
        isInputClosed = true
        input?.close(promise: nil)
    }

    /// To the program and everything that it started in its group.
    func signal(_ number: Int32) {
        if let process { kill(-process, number) }
    }

    // MARK: - The end

    private func exited() {
        hasExited = true
        guard isAdopted else { return }
        if readers.isEmpty { finish() } else { timer?.set(eventLoop.now + Self.readingLimit) }
    }

    private func finish() {
        guard hasExited, let process else { return }
        self.process = nil
        timer?.set(nil)
        timer = nil
        closeInput()
        for reader in readers { reader.close(promise: nil) }
        owner?.ended(self, ProgramExit.reap(process) ?? .unknown)
    }
}
