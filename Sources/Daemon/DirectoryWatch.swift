import EventLoop
import Glibc

/// Tells when something in a directory was written, renamed into place or removed (inotify(7)).
///
/// The directory is watched rather than the file, so that a file replaced by rename counts.
final class DirectoryWatch {
  private let descriptor: CInt
  private var source: IOSource?

  init(ofParentOf path: String, loop: EventLoop, handler: @escaping () -> Void) throws {
    descriptor = inotify_init1(CInt(IN_NONBLOCK) | CInt(IN_CLOEXEC))
    guard descriptor >= 0 else { throw WatchError(path: path, number: errno) }
    let slash = path.lastIndex(of: "/")
    let directory = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let events = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ATTRIB
    guard inotify_add_watch(descriptor, directory, UInt32(events)) >= 0 else {
      throw WatchError(path: directory, number: errno)
    }
    source = try IOSource(loop, descriptor: descriptor, events: .readable) { [descriptor] _ in
      Self.drain(descriptor)
      handler()
    }
  }

  deinit {
    source = nil
    close(descriptor)
  }

  // Which file it was doesn't matter: looking once too often is cheap.
  private static func drain(_ descriptor: CInt) {
    withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { buffer in
      for _ in 0..<64 where read(descriptor, buffer.baseAddress, buffer.count) <= 0 { return }
    }
  }
}

struct WatchError: Error, CustomStringConvertible {
  let path: String
  let number: CInt

  var description: String { "cannot watch '\(path)': \(String(cString: strerror(number)))" }
}
