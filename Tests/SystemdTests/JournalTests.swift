import Glibc
import TestSupport
import Testing

@testable import Systemd

@Suite struct JournalTests {
  /// A test's own journal socket.
  private final class Listener {
    let path: String
    let descriptor: CInt
    private let directory: TemporaryDirectory

    init() throws {
      directory = try TemporaryDirectory()
      path = directory.path("socket")
      descriptor = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
      try #require(UnixAddress(path: path).bind(descriptor) == 0)
    }

    /// The next entry; empty for one that was sent as a file, nil if there is none.
    func take() -> [UInt8]? {
      var room = [UInt8](repeating: 0, count: 65536)
      let count = recv(descriptor, &room, room.count, CInt(MSG_DONTWAIT))
      return count < 0 ? nil : Array(room[..<count])
    }

    deinit { close(descriptor) }
  }

  private func entry(_ message: String) -> JournalEntry {
    var entry = JournalEntry()
    entry.add("MESSAGE", message)
    return entry
  }

  @Test func `fields go as the journal's protocol has them, with a length where a value has line feeds`() throws {
    let listener = try Listener()
    var entry = self.entry("one\ntwo")
    entry.add("PRIORITY", "5")
    #expect(entry.send(to: listener.path))
    let taken = try #require(listener.take())
    let end = try #require(taken.firstIndex(of: UInt8(ascii: "\n")))
    #expect(String(decoding: taken[..<end], as: UTF8.self).hasPrefix("SYSLOG_IDENTIFIER="))
    let length: [UInt8] = [7, 0, 0, 0, 0, 0, 0, 0]
    let expected: [UInt8] = Array("MESSAGE\n".utf8) + length + Array("one\ntwo\nPRIORITY=5\n".utf8)
    #expect(Array(taken[end...].dropFirst()) == expected)
  }

  /// sd_journal_sendv(3) would wait here for ever, and the daemon with it.
  @Test func `a journal that reads nothing blocks nobody, and gets later entries when it reads again`() throws {
    let listener = try Listener()
    var sent = 0
    while sent < 100_000, entry("line \(sent)").send(to: listener.path) { sent += 1 }
    #expect(sent > 0 && sent < 100_000)
    #expect(!entry("lost").send(to: listener.path))
    while listener.take() != nil {}
    #expect(entry("again").send(to: listener.path))
  }

  @Test func `an entry too large for a datagram is sent as a file`() throws {
    let listener = try Listener()
    #expect(entry(String(repeating: "x", count: 1_000_000)).send(to: listener.path))
    #expect(listener.take() == [])
  }

  @Test func `without a journal nothing is sent`() { #expect(!entry("x").send(to: "/nowhere/socket")) }
}
