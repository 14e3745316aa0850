import CSystemd
import Glibc

/// Changes in a directory, and of the directory itself (inotify(7), sd_event_add_inotify(3)).
///
/// The sources of a loop share one inotify instance, and those of one directory one watch. libsystemd (as of 252) never returns from an
/// event that no source of its directory wants, because it asked for other events or is disabled or rate-limited. So every source asks
/// for the same events, and there is no way to disable one: it is released instead.
package final class InotifySource: EventSource {
  package enum Event: Sendable {
    /// An entry of the directory was written, created, moved there or removed, or attributes of an entry or of the directory
    /// changed. Also reported if the kernel's queue was full and events were lost.
    case changed
    /// The directory was moved, removed or unmounted. The source is useless from then on; to watch what is at the path now, create
    /// another one. That one may also report this once, if the new directory has the old one's inode number.
    case gone
  }

  private static let watched = UInt32(IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ATTRIB) | gone
  // The last event is the end of the watch, whatever the cause.
  private static let gone = UInt32(IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)

  private let handler: (Event) -> Void

  /// Watches the directory that is at the path now. Errors of note: ENOENT, ENOTDIR; EACCES if the directory may not be read;
  /// EMFILE, if the user has no inotify instance left or the process no descriptor; ENOSPC, if the user has no watch left.
  package init(_ loop: EventLoop, directory: String, handler: @escaping (Event) -> Void) throws(LoopError) {
    self.handler = handler
    super.init()
    let added = sd_event_add_inotify(
      loop.raw, &raw, directory, Self.watched,
      { _, event, userdata in
        let source: InotifySource = .from(userdata)
        let isGone = event!.pointee.mask & InotifySource.gone != 0
        withExtendedLifetime(source) { source.handler(isGone ? .gone : .changed) }
        return 0
      }, userdata)
    try check(added, "watch the directory '\(directory)'")
  }
}
