import CSystemd
import Core
import Glibc

/// Keeps descriptors for the next process of the service (FDSTORE=1 in sd_notify(3), FileDescriptorStoreMax= in systemd.service(5)).
package protocol DescriptorStore: AnyObject {
  /// Stores a descriptor under a unique name; `owner` keeps it open until it has been sent.
  func store(_ descriptor: CInt, named name: String, of owner: AnyObject)

  /// Removes all descriptors of that name, after all earlier stores.
  func remove(_ name: String)
}

/// The service manager's store; no effect if there is no manager.
///
/// The manager replaces nothing, answers nothing, and keeps no order: to replace a descriptor, store the new one under another name
/// first and then remove the old one, each in a separate message. Both in one message would only remove (tested on systemd 252 and
/// 257), and in the other order everything would be lost if the process ended in between.
///
/// Never waits for the manager. Messages that it can't take are sent later, in order.
package final class ManagerDescriptorStore: DescriptorStore {
  private enum Request {
    case store(CInt, name: String, owner: AnyObject)
    case remove(name: String)
  }

  private static let retryInterval: Int64 = 100_000

  private let scheduler: any Scheduler
  private var waiting: [Request] = []
  private var timer: (any Alarm)!

  package init(scheduler: any Scheduler) throws {
    self.scheduler = scheduler
    timer = try scheduler.timer(accuracy: 50_000) { [unowned self] in send() }
  }

  /// Whether there is a service manager to send to. Whether it keeps descriptors isn't known: it reports nothing.
  package static var hasManager: Bool { getenv("NOTIFY_SOCKET") != nil }

  package func store(_ descriptor: CInt, named name: String, of owner: AnyObject) {
    waiting.append(.store(descriptor, name: name, owner: owner))
    send()
  }

  package func remove(_ name: String) {
    waiting.append(.remove(name: name))
    send()
  }

  private func send() {
    while let first = waiting.first {
      let result =
        switch first {
        // FDPOLL=0, since the manager would otherwise wait for a hang-up, which a file never has; from systemd 246 on.
        case .store(let descriptor, let name, _): csystemd_notify_now("FDSTORE=1\nFDPOLL=0\nFDNAME=\(name)", descriptor)
        case .remove(let name): csystemd_notify_now("FDSTOREREMOVE=1\nFDNAME=\(name)", -1)
        }
      if result == -EAGAIN {
        timer.arm(at: scheduler.time.microseconds + Self.retryInterval)
        return
      }
      waiting.removeFirst()
    }
  }
}
