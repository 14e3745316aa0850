import Core
import Glibc
import HTTPClient
import Systemd

/// Notices when a file in a directory is written, renamed into place or removed.
///
/// The directory is watched rather than the file, so that replacing a file by rename is noticed. A directory that is itself moved,
/// replaced or unmounted is looked up again by its path, every few seconds until it exists. If the kernel can't watch it, that is
/// reported once, and the file is checked every minute instead.
///
/// The file itself is checked every minute in any case: a link may lead to another directory, another file system may have been mounted over the
/// directory, and a network file system reports only this host's changes.
final class DirectoryWatch {
  /// The loop's services, which tests can make fail.
  struct Calls {
    var addSource: (EventLoop, String, @escaping (InotifySource.Event) -> Void) throws(LoopError) -> InotifySource = {
      (loop, directory, handler) throws(LoopError) in
      try InotifySource(loop, directory: directory, handler: handler)
    }
    /// How long until the next attempt, in microseconds.
    var retry: Int64 = 60_000_000
  }

  /// For a directory that doesn't exist.
  private static let search: Int64 = 5_000_000
  /// The time between two checks of the file.
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
  /// The version last checked, before `handler` was called.
  private var version: FileVersion?
  /// The check that is under way.
  private var check: AnyObject?

  /// `handler` is called for each change, and at each attempt while nothing can be watched; `faulted` once for each new reason.
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
    // Allows it to share a wake-up with other timers.
    lookTimer = try loop.timer(accuracy: 10_000_000) { [unowned self] in look() }
    begin()
    version = FileVersion(path)
    lookTimer.arm(at: loop.time.microseconds + Self.interval)
  }

  var isArmed: Bool { lookTimer.isArmed }
  var isLooking: Bool { check != nil }

  /// Checks whether the file's version has changed since the last time: on another thread, since its file system may not answer.
  func look() {
    lookTimer.arm(at: loop.time.microseconds + Self.interval)
    guard check == nil else { return }
    let path = path
    // Without a thread, the next check comes in a minute.
    check = try? loop.call({ FileVersion(path) }) { [unowned self] new in
      check = nil
      found(new)
    }
  }

  private func found(_ new: FileVersion?) {
    guard new != version else { return }
    version = new
    // Since it wasn't reported, another directory may be at the path.
    begin()
    handler()
  }

  private func begin() {
    do throws(LoopError) {
      // Created before the old one is released: with the loop's last source its inotify instance would be released.
      source = try calls.addSource(loop, directory) { [unowned self] in take($0) }
      lastFault = nil
    } catch {
      source = nil
      if error.errno == ENOENT || error.errno == ENOTDIR {
        // Reading the file will report that it is missing.
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
    // Also if it still isn't watched: changes made meanwhile are noticed now.
    if source != nil || lastFault != nil { handler() }
  }

  // It doesn't matter which file it was: checking once too often is cheap.
  private func take(_ event: InotifySource.Event) {
    if event == .gone { begin() }
    version = FileVersion(path)
    handler()
  }
}

extension DirectoryWatch {
  /// Why changes aren't noticed as they happen.
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

    /// EMFILE also means that the process has no descriptors left (inotify_init1(2)). Adding a source takes three at most.
    private static var hasDescriptors: Bool {
      let descriptors = (0..<3).map { _ in open("/dev/null", O_RDONLY | O_CLOEXEC) }
      defer { for descriptor in descriptors where descriptor >= 0 { close(descriptor) } }
      return descriptors.allSatisfy { $0 >= 0 }
    }

    /// ` is 128`; empty if it can't be read.
    private static func value(of limit: String) -> String {
      let file = open("/proc/sys/fs/inotify/\(limit)", O_RDONLY | O_CLOEXEC)
      guard file >= 0 else { return "" }
      defer { close(file) }
      return withUnsafeTemporaryAllocation(byteCount: 32, alignment: 1) { buffer in
        let count = read(file, buffer.baseAddress, buffer.count)
        guard count > 0 else { return "" }
        let digits = buffer[..<count].prefix(while: \.isDigit)
        return " is " + String(decoding: digits, as: UTF8.self)
      }
    }
  }
}
