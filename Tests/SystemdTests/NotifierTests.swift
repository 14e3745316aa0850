import Glibc
import TestSupport
import Testing

@testable import Systemd

@Suite struct NotifierTests {
  /// Runs a fake service manager in a process of its own, since the address is an environment variable.
  private static func messages(_ notify: (Notifier) -> Void) -> [String] {
    let receiver = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue), 0)
    precondition(UnixAddress(abstract: nil).bind(receiver) == 0)
    var address = sockaddr_un()
    var size = socklen_t(MemoryLayout<sockaddr_un>.size)
    let name = withUnsafeMutableBytes(of: &address) { raw in
      getsockname(receiver, raw.assumingMemoryBound(to: sockaddr.self).baseAddress, &size)
      return raw[3..<Int(size)].map { String(UnicodeScalar($0)) }.joined()
    }
    setenv("NOTIFY_SOCKET", "@" + name, 1)
    notify(Notifier())
    var found: [String] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while case let count = recv(receiver, &buffer, buffer.count, CInt(MSG_DONTWAIT)), count > 0 {
      found.append(String(decoding: buffer[..<count], as: UTF8.self))
    }
    close(receiver)
    return found
  }

  @Test func `the service manager gets its own messages`() async {
    await #expect(processExitsWith: .success) {
      let found = NotifierTests.messages {
        $0.starting(atMost: .seconds(600), status: "reading")
        $0.ready(status: "2 of 2 roles valid")
        $0.status("one\nREADY=0")
        $0.watchdog()
        $0.stopping(status: "stopped")
      }
      let expected = [
        "EXTEND_TIMEOUT_USEC=600000000\nSTATUS=reading", "READY=1\nSTATUS=2 of 2 roles valid", "STATUS=one READY=0",
        "WATCHDOG=1", "STOPPING=1\nSTATUS=stopped",
      ]
      precondition(found == expected)
    }
  }

  @Test func `a manager that reads nothing blocks nobody, and gets the latest messages later`() async {
    await #expect(processExitsWith: .success) {
      alarm(300)
      let found = NotifierTests.messages { notifier in
        for _ in 0..<2000 {
          notifier.reloading()
          notifier.ready(status: "again")
          notifier.status("still")
        }
        precondition(notifier.isBehind)
      }
      precondition(!found.isEmpty)
    }
  }

  @Test func `a reload carries the monotonic time`() async {
    await #expect(processExitsWith: .success) {
      let found = NotifierTests.messages { $0.reloading() }
      let lines = found[0].split(separator: "\n")
      precondition(lines[0] == "RELOADING=1" && lines[1].hasPrefix("MONOTONIC_USEC="))
      precondition(Int(lines[1].dropFirst(15))! > 0)
    }
  }

  @Test func `the watchdog's interval comes from the environment`() async {
    await #expect(processExitsWith: .success) {
      unsetenv("WATCHDOG_USEC")
      precondition(Watchdog.interval() == nil)
      setenv("WATCHDOG_USEC", "30000000", 1)
      precondition(Watchdog.interval() == 30_000_000)
    }
  }

  struct Stream: Sendable {
    let text: String
    let isOurs: Bool
  }

  @Test(arguments: [
    Stream(text: "8:1234", isOurs: true), Stream(text: "8:12345", isOurs: false), Stream(text: "", isOurs: false),
    Stream(text: "8", isOurs: false), Stream(text: "9:1234", isOurs: false), Stream(text: "8:1234 ", isOurs: false),
  ])
  func `stderr is the journal's when device and inode match`(_ row: Stream) {
    #expect(Journal.names(row.text, device: 8, inode: 1234) == row.isOurs)
  }
}
