import NIOCore
import NIOEmbedded
import Testing
import Transport

@Suite struct LoopTimerTests {
    @Test("It fires once, at the last deadline set, however often that moved")
    func moves() {
        let loop = EmbeddedEventLoop()
        var fired = 0
        let timer = LoopTimer(eventLoop: loop) { fired += 1 }
        for step in 0..<100 { timer.set(loop.now + .seconds(5) + .milliseconds(Int64(step) * 50)) }
        loop.advanceTime(by: .seconds(9))
        #expect(fired == 0)
        loop.advanceTime(by: .seconds(1))
        #expect(fired == 1)
        loop.advanceTime(by: .seconds(100))
        #expect(fired == 1)
    }

    @Test("It can be set earlier, and nil waits for nothing")
    func earlierAndNever() {
        let loop = EmbeddedEventLoop()
        var fired = 0
        let timer = LoopTimer(eventLoop: loop) { fired += 1 }
        timer.set(loop.now + .seconds(60))
        timer.set(loop.now + .milliseconds(100))
        loop.advanceTime(by: .milliseconds(100))
        #expect(fired == 1)
        timer.set(loop.now + .seconds(1))
        timer.set(nil)
        loop.advanceTime(by: .seconds(60))
        #expect(fired == 1)
    }

    @Test("It may be set again while it fires")
    func repeats() {
        let loop = EmbeddedEventLoop()
        let box = TimerBox()
        box.timer = LoopTimer(eventLoop: loop) {
            box.fired += 1
            if box.fired < 3 { box.timer?.set(loop.now + .seconds(1)) }
        }
        box.timer?.set(loop.now)
        loop.advanceTime(by: .seconds(10))
        #expect(box.fired == 3)
        box.timer = nil
    }

    private final class TimerBox {
        var timer: LoopTimer?
        var fired = 0
    }
}
