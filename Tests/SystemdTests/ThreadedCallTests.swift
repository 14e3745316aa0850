import Glibc
import Testing

@testable import Systemd

@Suite struct ThreadedCallTests {
  @Test func `a call is made on a thread without signals, and the loop gets its result once`() throws {
    let loop = try EventLoop()
    var results: [Bool] = []
    var call: ThreadedCall<Bool>?
    call = try ThreadedCall(loop) {
      var blocked = sigset_t()
      pthread_sigmask(SIG_SETMASK, nil, &blocked)
      return sigismember(&blocked, SIGTERM) == 1 && sigismember(&blocked, SIGHUP) == 1
    } completion: {
      results.append($0)
      call = nil
    }
    while results.isEmpty { try loop.runOnce(timeout: .seconds(20)) }
    while try loop.runOnce(timeout: .milliseconds(20)) {}
    #expect(results == [true] && call == nil)
  }

  @Test func `a blocked call doesn't delay another`() throws {
    let loop = try EventLoop()
    func thread() throws -> UInt {
      var result: UInt?
      let call = try loop.call({ UInt(pthread_self()) }, completion: { result = $0 })
      while result == nil { try loop.runOnce(timeout: .seconds(20)) }
      return withExtendedLifetime(call) { result! }
    }
    // Leaves a thread that waits for a call, unless another test takes it.
    _ = try thread()
    var pipes: [CInt] = [-1, -1]
    pipe(&pipes)
    let (input, output) = (pipes[0], pipes[1])
    var blocked: UInt?
    let call = try loop.call {
      var byte: UInt8 = 0
      read(input, &byte, 1)
      return UInt(pthread_self())
    } completion: {
      blocked = $0
    }
    let meanwhile = try thread()
    var byte: UInt8 = 0
    write(output, &byte, 1)
    while blocked == nil { try loop.runOnce(timeout: .seconds(20)) }
    withExtendedLifetime(call) {}
    #expect(meanwhile != blocked)
    for descriptor in pipes { close(descriptor) }
  }

  @Test func `a released call isn't completed`() throws {
    let loop = try EventLoop()
    var pipes: [CInt] = [-1, -1]
    pipe(&pipes)
    let (input, output) = (pipes[0], pipes[1])
    var results = 0
    var call: ThreadedCall<Int>? = try ThreadedCall(loop) {
      var byte: UInt8 = 0
      return read(input, &byte, 1)
    } completion: { _ in
      results += 1
    }
    withExtendedLifetime(call) {}
    call = nil
    var byte: UInt8 = 0
    write(output, &byte, 1)
    while try loop.runOnce(timeout: .milliseconds(50)) {}
    #expect(results == 0)
    for descriptor in pipes { close(descriptor) }
  }

  /// Each call created a new descriptor and source.
  @Test func `sequential calls share a descriptor, and a released one keeps its own`() throws {
    let loop = try EventLoop()
    var pipes: [CInt] = [-1, -1]
    pipe(&pipes)
    let (input, output) = (pipes[0], pipes[1])
    func descriptors() throws -> Int {
      var results = 0
      let call = try loop.call({ 7 }, completion: { results += $0 })
      while results == 0 { try loop.runOnce(timeout: .seconds(20)) }
      withExtendedLifetime(call) {}
      #expect(results == 7)
      return loop.idleCallRoutes.count
    }
    #expect(try descriptors() == 1)
    let first = loop.idleCallRoutes[0].signal.descriptor
    #expect(try descriptors() == 1 && loop.idleCallRoutes[0].signal.descriptor == first)
    var call: ThreadedCall<Int>? = try ThreadedCall(loop) {
      var byte: UInt8 = 0
      return read(input, &byte, 1)
    } completion: { _ in
      Issue.record("a released call is completed")
    }
    #expect(loop.idleCallRoutes.isEmpty)
    withExtendedLifetime(call) {}
    call = nil
    #expect(try descriptors() == 1)
    var byte: UInt8 = 0
    write(output, &byte, 1)
    while try loop.runOnce(timeout: .milliseconds(50)) {}
    for descriptor in pipes { close(descriptor) }
  }
}
