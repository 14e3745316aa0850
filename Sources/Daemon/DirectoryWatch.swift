import Glibc
import Systemd

/// Notices when something in a directory was written, renamed into place or removed (inotify(7)).
///
/// The directory is watched rather than the file, so that a file replaced by rename counts. A directory that is itself
/// moved or replaced is found again by its path, every few seconds until it is there. What the kernel doesn't let be watched is
/// reported once, and then looked at every minute instead.
final class DirectoryWatch {
  /// The calls into the kernel, for tests to fail.
  struct Calls {
    var makeInstance: () -> CInt = { inotify_init1(CInt(IN_NONBLOCK) | CInt(IN_CLOEXEC)) }
    var addWatch: (CInt, String, UInt32) -> CInt = { inotify_add_watch($0, $1, $2) }
    /// How long until it is tried again, in microseconds.
    var retry: Int64 = 60_000_000
  }

  private static let events =
    IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF
  /// For a directory that isn't there.
  private static let search: Int64 = 5_000_000

  private let directory: String
  private let loop: EventLoop
  private let calls: Calls
  private let handler: () -> Void
  private let faulted: (Fault) -> Void
  private var descriptor: CInt = -1
  private var watch: CInt = -1
  private var source: IOSource?
  private var timer: TimerSource!
  private var lastFault: Fault?

  /// `handler` is called for each change, and while nothing can be watched at each try; `faulted` once for each new reason.
  init(
    ofParentOf path: String, loop: EventLoop, calls: Calls = Calls(), faulted: @escaping (Fault) -> Void,
    handler: @escaping () -> Void
  ) throws {
    let slash = path.lastIndex(of: "/")
    directory = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    self.loop = loop
    self.calls = calls
    self.handler = handler
    self.faulted = faulted
    timer = try TimerSource(loop, accuracy: 1_000_000) { [unowned self] in find() }
    begin()
  }

  deinit {
    source = nil
    if descriptor >= 0 { close(descriptor) }
  }

  private func begin() {
    guard makeInstance() else { return fault(.noInstance, errno) }
    watch = calls.addWatch(descriptor, directory, UInt32(Self.events))
    if watch >= 0 {
      lastFault = nil
    } else if errno == ENOENT || errno == ENOTDIR {
      // Whoever reads the file says that it isn't there.
      arm(Self.search)
    } else {
      fault(.noWatch, errno)
    }
  }

  private func makeInstance() -> Bool {
    if descriptor >= 0 { return true }
    let new = calls.makeInstance()
    guard new >= 0 else { return false }
    do {
      source = try IOSource(loop, descriptor: new, events: .readable) { [unowned self] _ in take() }
    } catch {
      close(new)
      errno = ENOMEM
      return false
    }
    descriptor = new
    return true
  }

  private func fault(_ call: Fault.Call, _ number: CInt) {
    let fault = Fault(call, number, directory: directory)
    arm(calls.retry)
    guard fault != lastFault else { return }
    lastFault = fault
    faulted(fault)
  }

  private func arm(_ span: Int64) { timer.arm(at: EventLoop.bootTime() + span) }

  private func find() {
    begin()
    // Also where it still isn't watched: what changed meanwhile is seen now.
    if watch >= 0 || lastFault != nil { handler() }
  }

  // Which file it was doesn't matter: looking once too often is cheap. Which directory it was does.
  private func take() {
    var isGone = false
    withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { buffer in
      for _ in 0..<64 {
        let count = read(descriptor, buffer.baseAddress, buffer.count)
        guard count > 0 else { return }
        var place = 0
        while place + MemoryLayout<inotify_event>.size <= count {
          let event = buffer.loadUnaligned(fromByteOffset: place, as: inotify_event.self)
          if event.wd == watch && event.mask & UInt32(IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED) != 0 { isGone = true }
          place += MemoryLayout<inotify_event>.size + Int(event.len)
        }
      }
    }
    if isGone {
      // After a move the old directory is still watched; nobody asks for it any more.
      inotify_rm_watch(descriptor, watch)
      begin()
    }
    handler()
  }
}

extension DirectoryWatch {
  /// Why changes aren't seen as they happen.
  struct Fault: Hashable {
    enum Call { case noInstance, noWatch }

    let reason: String
    let advice: String

    init(_ call: Call, _ number: CInt, directory: String) {
      let limit: String?
      switch (call, number) {
      case (.noInstance, EMFILE) where Self.canOpen: limit = "max_user_instances"
      case (.noWatch, ENOSPC): limit = "max_user_watches"
      default: limit = nil
      }
      let meanwhile = "until then changes are seen within a minute, at a reload, and when STS refuses the key"
      if let limit {
        let what = call == .noInstance ? "inotify instance" : "inotify watch"
        reason = "no \(what) is left for this user (sysctl fs.inotify.\(limit)\(Self.value(of: limit)))"
        advice = "raise it in a file of /etc/sysctl.d and run: sysctl --system; \(meanwhile)"
      } else {
        reason = "cannot watch '\(directory)': \(String(cString: strerror(number)))"
        advice =
          number == EACCES
          ? "let the daemon's user read the directory; \(meanwhile)" : "it is tried again; \(meanwhile)"
      }
    }

    /// EMFILE is also what a process without descriptors gets (inotify_init1(2)).
    private static var canOpen: Bool {
      let descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else { return false }
      close(descriptor)
      return true
    }

    /// ` is 128`; empty where it can't be read.
    private static func value(of limit: String) -> String {
      let file = open("/proc/sys/fs/inotify/\(limit)", O_RDONLY | O_CLOEXEC)
      guard file >= 0 else { return "" }
      defer { close(file) }
      return withUnsafeTemporaryAllocation(byteCount: 32, alignment: 1) { buffer in
        let count = read(file, buffer.baseAddress, buffer.count)
        guard count > 0 else { return "" }
        let digits = buffer[..<count].prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return " is " + String(decoding: digits, as: UTF8.self)
      }
    }
  }
}
