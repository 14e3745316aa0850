import CSystemd
import Glibc

/// Changes in a directory, and what becomes of the directory itself (inotify(7), sd_event_add_inotify(3)).
///
/// The sources of a loop share one inotify instance, and those of one directory one watch. libsystemd (as of 252) never returns from an
/// event that no source of its directory wants, because it asked for other events or is disabled or rate-limited. So every source asks
/// for the same events, and there is no way to disable one: it is released instead.
package final class InotifySource: EventSource {
  package enum Event: Sendable {
    /// Something in the directory was written, made, moved there or removed, or the attributes of one of these or of the directory
    /// changed. Also reported when the kernel's queue was full and events were lost.
    case changed
    /// The directory was moved, removed or unmounted. From then on the source is of no use: whoever wants what is at the path now makes
    /// another one. That one may report this too, once, where the new directory has the old one's inode number.
    case gone
  }

  private static let wanted = UInt32(IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ATTRIB) | gone
  // The last is the end of the watch itself, whatever ended it.
  private static let gone = UInt32(IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)

  private let handler: (Event) -> Void

  /// Watches what is at the path `directory` now. Errors of note: ENOENT, ENOTDIR; EACCES, which whoever may not read the directory gets;
  /// EMFILE, when the user has no inotify instance left or the process no descriptor; ENOSPC, when the user has no watch left.
  package init(_ loop: EventLoop, directory: String, handler: @escaping (Event) -> Void) throws(LoopError) {
    self.handler = handler
    super.init()
    let added = sd_event_add_inotify(
      loop.raw, &raw, directory, Self.wanted,
      { _, event, userdata in
        let source: InotifySource = .from(userdata)
        let isGone = event!.pointee.mask & InotifySource.gone != 0
        withExtendedLifetime(source) { source.handler(isGone ? .gone : .changed) }
        return 0
      }, userdata)
    try check(added, "watch the directory '\(directory)'")
  }
}
