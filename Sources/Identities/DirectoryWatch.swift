import Core
import Glibc
import HTTPClient
import Systemd

/// Notices when something in the directory of a file was written, renamed into place or removed.
///
/// The directory is watched rather than the file, so that a file replaced by rename counts. A directory that is itself
/// moved, replaced or unmounted is found again by its path, every few seconds until it is there. What the kernel doesn't let be watched is
/// reported once, and then looked at every minute instead.
///
/// The file itself is looked at every minute in any case: a link may lead to another directory, and a network file system reports
/// only what this host changes.
final class DirectoryWatch {
  /// What it asks of the loop, for tests to fail.
  struct Calls {
    var addSource: (EventLoop, String, @escaping (InotifySource.Event) -> Void) throws(LoopError) -> InotifySource = {
      (loop, directory, handler) throws(LoopError) in
      try InotifySource(loop, directory: directory, handler: handler)
    }
    /// How long until it is tried again, in microseconds.
    var retry: Int64 = 60_000_000
  }

  /// For a directory that isn't there.
  private static let search: Int64 = 5_000_000
  /// From one look at the file to the next.
  private static let interval: Int64 = 60_000_000

  private let path: String
  private let directory: String
  private let loop: EventLoop
  private let calls: Calls
  private let handler: () -> Void
  private let faulted: (Fault) -> Void
  private var source: InotifySource?
  private var timer: (any Alarm)!
  private var lookTimer: (any Alarm)!
  private var lastFault: Fault?
  /// As last looked at, before `handler` was called.
  private var version: FileVersion?

  /// `handler` is called for each change, and while nothing can be watched at each try; `faulted` once for each new reason.
  init(
    ofParentOf path: String, loop: EventLoop, calls: Calls = Calls(), faulted: @escaping (Fault) -> Void,
    handler: @escaping () -> Void
  ) throws {
    let slash = path.lastIndex(of: "/")
    self.path = path
    directory = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    self.loop = loop
    self.calls = calls
    self.handler = handler
    self.faulted = faulted
    timer = try loop.timer(accuracy: 1_000_000) { [unowned self] in find() }
    // So that it shares a wake-up with other timers.
    lookTimer = try loop.timer(accuracy: 10_000_000) { [unowned self] in look() }
    begin()
    version = FileVersion(path)
    lookTimer.arm(at: loop.time.microseconds + Self.interval)
  }

  var isArmed: Bool { lookTimer.isArmed }

  /// Looks whether another version of the file is there than the last time.
  func look() {
    lookTimer.arm(at: loop.time.microseconds + Self.interval)
    let new = FileVersion(path)
    guard new != version else { return }
    version = new
    handler()
  }

  private func begin() {
    do throws(LoopError) {
      // Made before the old one is released: with the last source of the loop its inotify instance would go.
      source = try calls.addSource(loop, directory) { [unowned self] in take($0) }
      lastFault = nil
    } catch {
      source = nil
      if error.errno == ENOENT || error.errno == ENOTDIR {
        // Whoever reads the file says that it isn't there.
        arm(Self.search)
      } else {
        fault(error.errno)
      }
    }
  }

  private func fault(_ number: CInt) {
    let fault = Fault(number, directory: directory)
    arm(calls.retry)
    guard fault != lastFault else { return }
    lastFault = fault
    faulted(fault)
  }

  private func arm(_ span: Int64) { timer.arm(at: loop.time.microseconds + span) }

  private func find() {
    begin()
    // Also where it still isn't watched: what changed meanwhile is seen now.
    if source != nil || lastFault != nil { handler() }
  }

  // Which file it was doesn't matter: looking once too often is cheap.
  private func take(_ event: InotifySource.Event) {
    if event == .gone { begin() }
    version = FileVersion(path)
    handler()
  }
}

extension DirectoryWatch {
  /// Why changes aren't seen as they happen.
  struct Fault: Hashable {
    let reason: String
    let advice: String

    init(_ number: CInt, directory: String) {
      let limit: String?
      switch number {
      case EMFILE where Self.hasDescriptors: limit = "max_user_instances"
      case ENOSPC: limit = "max_user_watches"
      default: limit = nil
      }
      let meanwhile = "until then changes are seen within a minute, at a reload, and when STS refuses the key"
      if let limit {
        let what = number == EMFILE ? "inotify instance" : "inotify watch"
        reason = "no \(what) is left for this user (sysctl fs.inotify.\(limit)\(Self.value(of: limit)))"
        advice = "raise it in a file of /etc/sysctl.d and run: sudo sysctl --system; \(meanwhile)"
      } else {
        reason = "cannot watch '\(directory)': \(String(cString: strerror(number)))"
        advice =
          number == EACCES
          ? "let the daemon's user read the directory; \(meanwhile)" : "it is tried again; \(meanwhile)"
      }
    }

    /// EMFILE is also what a process without descriptors gets (inotify_init1(2)). Adding a source takes three at the most.
    private static var hasDescriptors: Bool {
      let descriptors = (0..<3).map { _ in open("/dev/null", O_RDONLY | O_CLOEXEC) }
      defer { for descriptor in descriptors where descriptor >= 0 { close(descriptor) } }
      return descriptors.allSatisfy { $0 >= 0 }
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
