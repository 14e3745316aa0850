import CommandInterface
import Glibc
import TestSupport
import Testing

@testable import rolekeeper

/// Lines for a stream that nobody reads.
@Suite struct OutletTests {
  private let pipe: UnreadPipe
  private let outlet: Outlet

  init() throws {
    pipe = try UnreadPipe()
    outlet = Outlet(pipe.writer)
  }

  @Test func `lines wait for a reader, in their order`() throws {
    try outlet.write("one\n")
    try outlet.write("two\n")
    #expect(outlet.descriptor != nil)
    // Reading makes room only for what is written then.
    _ = try pipe.readLines(0)
    try outlet.flush()
    #expect(try pipe.readLines(2) == ["one", "two"] && outlet.descriptor == nil)
  }

  @Test func `only the latest lines are kept`() throws {
    for number in 1...(Outlet.mostLines + 5) { try outlet.write("\(number)\n") }
    _ = try pipe.readLines(0)
    try outlet.flush()
    #expect(try pipe.readLines(Outlet.mostLines).first == "6")
  }

  @Test func `a stream without a reader is an error once, and lines for it don't add up`() throws {
    let before = signal(SIGPIPE, SIG_IGN)
    defer { signal(SIGPIPE, before) }
    pipe.closeReader()
    #expect(throws: Console.WriteError.self) { try outlet.write("one\n") }
    #expect(outlet.descriptor == nil)
  }

  @Test func `a stream's own flags stay as they are`() throws {
    try outlet.write("one\n")
    #expect(fcntl(pipe.writer, F_GETFL) & O_NONBLOCK == 0)
  }

  @Test func `a socket that isn't read doesn't block either`() throws {
    var ends: [CInt] = [0, 0]
    try #require(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0)
    defer { for end in ends { close(end) } }
    let outlet = Outlet(ends[1])
    let line = String(repeating: "x", count: 4095) + "\n"
    var count = 0
    while outlet.descriptor == nil, count < Outlet.mostLines {
      try outlet.write(line)
      count += 1
    }
    #expect(outlet.descriptor == ends[1])
  }
}
