import EventLoop
import Glibc

/// Tells when something in a directory was written, renamed into place or removed (inotify(7)).
///
/// The directory is watched rather than the file, so that a file replaced by rename counts. A directory that is itself
/// moved or replaced is found again by its path, every few seconds until it is there.
final class DirectoryWatch {
  private static let events =
    IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF
  private static let retry: Int64 = 5_000_000

  private let directory: String
  private let handler: () -> Void
  private let descriptor: CInt
  private var watch: CInt = -1
  private var source: IOSource?
  private var timer: TimerSource!

  init(ofParentOf path: String, loop: EventLoop, handler: @escaping () -> Void) throws {
    let slash = path.lastIndex(of: "/")
    directory = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    self.handler = handler
    descriptor = inotify_init1(CInt(IN_NONBLOCK) | CInt(IN_CLOEXEC))
    guard descriptor >= 0 else { throw WatchError(path: directory, number: errno) }
    timer = try TimerSource(loop, accuracy: 1_000_000) { [unowned self] in find() }
    source = try IOSource(loop, descriptor: descriptor, events: .readable) { [unowned self] _ in take() }
    begin()
  }

  deinit {
    source = nil
    close(descriptor)
  }

  private func begin() {
    watch = inotify_add_watch(descriptor, directory, UInt32(Self.events))
    if watch < 0 { timer.arm(at: EventLoop.bootTime() + Self.retry) }
  }

  private func find() {
    begin()
    if watch >= 0 { handler() }
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

struct WatchError: Error, CustomStringConvertible {
  let path: String
  let number: CInt

  var description: String { "cannot watch '\(path)': \(String(cString: strerror(number)))" }
}
