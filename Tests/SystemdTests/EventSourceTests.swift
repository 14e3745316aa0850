import Glibc
import Systemd
import Testing

@Suite struct EventSourceTests {
  let loop: EventLoop

  init() throws { loop = try EventLoop() }

  final class Box<Value> {
    var value: Value
    init(_ value: Value) { self.value = value }
  }

  /// A pipe that is closed with the object.
  final class Pipe {
    let reading: CInt
    let writing: CInt

    init() {
      var ends: [CInt] = [0, 0]
      precondition(pipe(&ends) == 0)
      (reading, writing) = (ends[0], ends[1])
    }

    func fill() { _ = write(writing, "x", 1) }

    deinit {
      close(reading)
      close(writing)
    }
  }

  /// Turns until there is nothing left to do.
  func settle() throws {
    while try loop.runOnce() {}
  }

  @Test func `a readable descriptor calls its handler with the events it is ready for`() throws {
    let pipe = Pipe()
    let seen = Box<[IOEvents]>([])
    let source = try IOSource(loop, descriptor: pipe.reading, events: .readable) { seen.value.append($0) }
    try settle()
    #expect(seen.value.isEmpty)
    pipe.fill()
    try loop.runOnce()
    #expect(seen.value == [.readable])
    try source.watch([])
    try settle()
    #expect(seen.value == [.readable])
  }

  @Test func `a released source is off the loop, from inside its own handler too`() throws {
    let pipe = Pipe()
    let held = Box<IOSource?>(nil)
    let calls = Box(0)
    held.value = try IOSource(loop, descriptor: pipe.reading, events: .readable) { _ in
      held.value = nil
      calls.value += 1
    }
    pipe.fill()
    try settle()
    #expect(calls.value == 1)
    #expect(held.value == nil)
  }

  // A connection to a host by name was answered seconds late: its descriptor had the number of the resolver's.
  @Test func `a source released in its own handler doesn't remove the next one with its descriptor number`() throws {
    let (first, second) = (Pipe(), Pipe())
    let held = Box<IOSource?>(nil)
    let calls = Box(0)
    held.value = try IOSource(loop, descriptor: first.reading, events: .readable) { [loop] _ in
      held.value = nil
      dup2(second.reading, first.reading)
      held.value = try? IOSource(loop, descriptor: first.reading, events: .readable) { _ in
        calls.value += 1
        held.value = nil
      }
    }
    first.fill()
    try settle()
    #expect(held.value != nil)
    second.fill()
    try settle()
    #expect(calls.value == 1)
  }

  @Test func `a descriptor watched twice is an error that names it`() throws {
    let pipe = Pipe()
    let first = try IOSource(loop, descriptor: pipe.reading, events: .readable) { _ in }
    #expect {
      try IOSource(loop, descriptor: pipe.reading, events: .readable) { _ in }
    } throws: {
      String(describing: $0) == "event loop: cannot watch descriptor \(pipe.reading): File exists"
    }
    withExtendedLifetime(first) {}
  }

  @Test func `a timer fires once, when its moment has come`() throws {
    let fired = Box(0)
    let timer = try TimerSource(loop, accuracy: 1) { fired.value += 1 }
    #expect(!timer.isArmed)
    timer.arm(at: EventLoop.bootTime() + 3_600_000_000)
    try settle()
    #expect(fired.value == 0)
    #expect(timer.isArmed)
    timer.arm(at: EventLoop.bootTime() - 1)
    #expect(try loop.runOnce(timeout: .seconds(5)))
    #expect(fired.value == 1)
    #expect(!timer.isArmed)
    try settle()
    #expect(fired.value == 1)
  }

  @Test func `a disarmed timer doesn't fire and can be armed again by its own handler`() throws {
    let fired = Box(0)
    let held = Box<TimerSource?>(nil)
    let timer = try TimerSource(loop, accuracy: 1) {
      fired.value += 1
      if fired.value < 3 { held.value?.arm(at: 0) }
    }
    held.value = timer
    timer.arm(at: 0)
    timer.disarm()
    try settle()
    #expect(fired.value == 0)
    timer.arm(at: 0)
    while timer.isArmed { try loop.runOnce(timeout: .seconds(5)) }
    #expect(fired.value == 3)
    held.value = nil
  }

  @Test func `deferred work runs once however often it was asked for`() throws {
    let ran = Box(0)
    let source = DeferSource(loop) { ran.value += 1 }
    try settle()
    #expect(ran.value == 0)
    source.schedule()
    source.schedule()
    #expect(source.isScheduled)
    try settle()
    #expect(ran.value == 1)
    source.schedule()
    source.cancel()
    try settle()
    #expect(ran.value == 1)
  }

  @Test func `work that keeps deferring itself doesn't starve a timer or a descriptor`() throws {
    let pipe = Pipe()
    pipe.fill()
    let turns = Box(0)
    let others = Box((timer: 0, descriptor: 0))
    let busy = Box<DeferSource?>(nil)
    busy.value = DeferSource(loop) {
      turns.value += 1
      busy.value?.schedule()
    }
    let timer = try TimerSource(loop, accuracy: 1) { others.value.timer += 1 }
    let source = try IOSource(loop, descriptor: pipe.reading, events: .readable) { _ in others.value.descriptor += 1 }
    busy.value?.schedule()
    timer.arm(at: 0)
    for _ in 0..<50 { try loop.runOnce() }
    #expect(others.value.timer == 1)
    #expect(others.value.descriptor > 10)
    #expect(turns.value > 10)
    busy.value = nil
    withExtendedLifetime(source) {}
  }

  @Test func `exit ends the run with its code`() throws {
    let source = DeferSource(loop) { [loop] in loop.exit(code: 78) }
    source.schedule()
    #expect(try loop.run() == 78)
  }

  @Test func `sources may be touched and released after the loop has ended`() throws {
    let timer = try TimerSource(loop, accuracy: 1) {}
    loop.exit()
    _ = try loop.run()
    timer.arm(at: 0)
    timer.disarm()
  }

  @Test func `a turn's cached time stands still while the fresh one advances`() throws {
    try loop.runOnce()
    let cached = loop.now
    var fresh = EventLoop.bootTime()
    while fresh <= cached { fresh = EventLoop.bootTime() }
    #expect(loop.now == cached)
  }

  @Test func `a signal reaches its handler and nothing else`() throws {
    let taken = Box(0)
    let source = try SignalSource(loop, signal: SIGUSR1) { taken.value += 1 }
    // Sent to this thread: the others of the test process don't block it.
    pthread_kill(pthread_self(), SIGUSR1)
    try settle()
    #expect(taken.value == 1)
    withExtendedLifetime(source) {}
  }

  @Test func `a clock that isn't set reports nothing`() throws {
    let steps = Box(0)
    let source = try ClockStepSource(loop) { steps.value += 1 }
    try settle()
    #expect(steps.value == 0)
    withExtendedLifetime(source) {}
  }
}
