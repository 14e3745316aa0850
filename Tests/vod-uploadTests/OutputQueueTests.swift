import CommandInterface
import Core
import Glibc
import Systemd
import TestSupport
import Testing

@testable import vod_upload

@Suite struct OutputQueueTests {
  private let scheduler = VirtualScheduler()
  private let pipe: PipeEnds
  private let queue: OutputQueue

  init() throws {
    pipe = try PipeEnds()
    queue = try OutputQueue(pipe.writing, scheduler: scheduler)
  }

  private func write(_ text: String) { queue.write(Array(text.utf8)) }

  @Test func `lines arrive in order, many in few writes`() {
    for number in 0..<5 { write("\(number)\n") }
    scheduler.settle()
    #expect(pipe.read() == "0\n")
    scheduler.advance(by: OutputQueue.interval)
    #expect(pipe.read() == "1\n2\n3\n4\n" && !queue.isBusy)
  }

  /// A reader that had stopped reading, or a terminal after Ctrl-S, held up uploads and signals.
  @Test func `a reader that doesn't read delays nobody, and nothing is lost when it continues`() {
    scheduler.callsHang = true
    write("first ")
    scheduler.settle()
    for number in 0..<100 {
      write("\(number) ")
      scheduler.advance(by: .milliseconds(100))
    }
    #expect(pipe.read() == "" && queue.isBusy && !queue.isFull)
    scheduler.callsHang = false
    scheduler.advance(by: .milliseconds(100))
    #expect(pipe.read() == "first " + (0..<100).map { "\($0) " }.joined())
  }

  @Test func `the queue reports when it is full, and when there is room again`() {
    var calls = 0
    queue.onRoom = { calls += 1 }
    scheduler.callsHang = true
    let piece = String(repeating: "x", count: 32 << 10)
    for _ in 0..<7 { write(piece) }
    #expect(!queue.isFull)
    write(piece)
    #expect(queue.isFull && calls == 0)
    scheduler.callsHang = false
    scheduler.settle()
    #expect(!queue.isFull && calls == 1 && pipe.read() == piece)
  }

  @Test func `without a reader the first error is reported, and the rest dropped`() {
    var failures: [CInt] = []
    queue.onFailure = { failures.append($0) }
    let before = signal(SIGPIPE, SIG_IGN)
    defer { signal(SIGPIPE, before) }
    pipe.closeReading()
    write("a")
    scheduler.advance(by: .seconds(1))
    write("b")
    scheduler.advance(by: .seconds(1))
    #expect(failures == [EPIPE] && queue.failure == EPIPE && !queue.isBusy)
  }

  @Test func `where there is no thread it tries again`() {
    scheduler.callRefusal = LoopError(attempt: "start a thread", errno: EAGAIN)
    write("a")
    scheduler.advance(by: .seconds(1))
    #expect(pipe.read() == "" && queue.isBusy)
    scheduler.callRefusal = nil
    scheduler.advance(by: .seconds(1))
    #expect(pipe.read() == "a")
  }

  /// With no descriptor left for a thread's answer it never ended, and said nothing.
  @Test func `at the end what waits is written without a thread, too`() {
    scheduler.callRefusal = LoopError(attempt: "start a thread", errno: EMFILE)
    write("a")
    var ends = 0
    queue.drain { ends += 1 }
    scheduler.settle()
    #expect(pipe.read() == "a" && ends == 1)
  }

  @Test func `draining ends at once where nothing waits, and else with the last byte`() {
    var ends = 0
    queue.drain { ends += 1 }
    #expect(ends == 1)
    write("a")
    write("b")
    queue.drain { ends += 1 }
    #expect(ends == 1)
    scheduler.settle()
    #expect(ends == 2 && pipe.read() == "ab")
  }

  /// As a shell on the same terminal may leave it.
  @Test func `a stream that another process made non-blocking is waited for`() throws {
    let flags = fcntl(pipe.writing, F_GETFL)
    #expect(fcntl(pipe.writing, F_SETFL, flags | O_NONBLOCK) == 0)
    let bytes = [UInt8](repeating: UInt8(ascii: "x"), count: 4 << 20)
    let writing = pipe.writing
    let loop = try EventLoop()
    let call = try ThreadedCall(loop, { Console.put(bytes.span, to: writing) }) { loop.exit(code: $0) }
    var count = 0
    while count < bytes.count { count += pipe.read(blocking: true).utf8.count }
    #expect(try loop.run() == 0)
    withExtendedLifetime(call) {}
  }
}
