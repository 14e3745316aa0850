import Glibc
import TestSupport
import Testing

@testable import Systemd

@Suite struct DescriptorStoreTests {
  /// A fake service manager; its tests run in processes of their own, since the address is an environment variable.
  private final class Manager {
    struct Message: Equatable {
      let text: String
      /// The content of the descriptor that was sent along.
      let content: String?
    }

    private let receiver: CInt

    init() {
      receiver = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue), 0)
      let name = "rk-fdstore-\(getpid())"
      precondition(UnixAddress(abstract: name).bind(receiver) == 0)
      setenv("NOTIFY_SOCKET", "@" + name, 1)
    }

    /// The next message; nil if there is none.
    func next() -> Message? {
      var passed = PassedMessage()
      guard passed.receive(from: receiver) else { return nil }
      defer { for descriptor in passed.descriptors { close(descriptor) } }
      return Message(text: passed.text, content: passed.descriptors.first.flatMap(Self.content))
    }

    private static func content(_ descriptor: CInt) -> String? {
      var buffer = [UInt8](repeating: 0, count: 100)
      let count = pread(descriptor, &buffer, buffer.count, 0)
      return count < 0 ? nil : String(decoding: buffer.prefix(count), as: UTF8.self)
    }
  }

  private final class File {
    let descriptor: CInt

    init(_ text: String) {
      var template = Array("/tmp/rk-fdstore-XXXXXX".utf8CString)
      descriptor = mkstemp(&template)
      unlink(template)
      _ = write(descriptor, text, text.utf8.count)
    }

    deinit { close(descriptor) }
  }

  @Test func `a descriptor is stored under its name, and each removal is a separate message`() async {
    await #expect(processExitsWith: .success) {
      let manager = Manager()
      let store = try ManagerDescriptorStore(scheduler: VirtualScheduler())
      let file = File("two")
      store.store(file.descriptor, named: "sessions-2", of: file)
      store.remove("sessions-1")
      precondition(manager.next() == .init(text: "FDSTORE=1\nFDPOLL=0\nFDNAME=sessions-2", content: "two"))
      precondition(manager.next() == .init(text: "FDSTOREREMOVE=1\nFDNAME=sessions-1", content: nil))
      precondition(manager.next() == nil)
    }
  }

  @Test func `messages that a busy manager can't take come later, in order, with an open descriptor`()
    async
  {
    await #expect(processExitsWith: .success) {
      let manager = Manager()
      let scheduler = VirtualScheduler()
      let notifier = Notifier()
      repeat { notifier.ready(status: "again") } while !notifier.isBehind
      let store = try ManagerDescriptorStore(scheduler: scheduler)
      do {
        let file = File("kept open")
        store.store(file.descriptor, named: "sessions-2", of: file)
      }
      store.remove("sessions-1")
      while manager.next() != nil {}
      scheduler.advance(by: .milliseconds(99))
      precondition(manager.next() == nil)
      scheduler.advance(by: .milliseconds(1))
      precondition(manager.next() == .init(text: "FDSTORE=1\nFDPOLL=0\nFDNAME=sessions-2", content: "kept open"))
      precondition(manager.next()?.text == "FDSTOREREMOVE=1\nFDNAME=sessions-1")
    }
  }

  @Test func `without a manager nothing happens`() async throws {
    await #expect(processExitsWith: .success) {
      unsetenv("NOTIFY_SOCKET")
      precondition(!ManagerDescriptorStore.hasManager)
      let store = try ManagerDescriptorStore(scheduler: VirtualScheduler())
      store.remove("sessions-1")
    }
  }

  /// From SD_LISTEN_FDS_START on.
  private static let passed: ClosedRange<CInt> = 3...4

  @Test func `inherited descriptors come with their names, close-on-exec, and once`() async {
    await #expect(processExitsWith: .success) {
      // Whatever they are: nothing else is done with them. Another thread of the process may close one of them meanwhile.
      for _ in 0..<100 {
        while open("/dev/null", O_RDONLY) < DescriptorStoreTests.passed.upperBound {}
        for number in DescriptorStoreTests.passed { _ = fcntl(number, F_SETFD, 0) }
        setenv("LISTEN_PID", "\(getpid())", 1)
        setenv("LISTEN_FDS", "2", 1)
        setenv("LISTEN_FDNAMES", "sessions-7:rolekeeper.socket", 1)
        var found = InheritedDescriptors.take()
        let stores = found.take { $0.hasPrefix("sessions-") }
        let sockets = found.take(named: "rolekeeper.socket")
        let isLeftOver = !found.closeRest().isEmpty
        guard DescriptorStoreTests.passed.allSatisfy({ fcntl($0, F_GETFD) >= 0 }) else { continue }
        precondition(stores.map(\.name) == ["sessions-7"] && stores.map(\.descriptor) == [3])
        precondition(sockets == [4] && !isLeftOver)
        precondition(DescriptorStoreTests.passed.allSatisfy { fcntl($0, F_GETFD) & FD_CLOEXEC != 0 })
        precondition(getenv("LISTEN_FDS") == nil && getenv("LISTEN_FDNAMES") == nil)
        return
      }
      preconditionFailure("the descriptors were closed each time")
    }
  }
}
