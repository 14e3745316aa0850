import Glibc
import Systemd

@testable import Handover

/// The service manager's store of descriptors.
final class FakeDescriptorStore: DescriptorStore {
  private(set) var stored: [(name: String, descriptor: CInt)] = []
  private(set) var requests: [String] = []
  /// Whether requests never arrive.
  var isDeaf = false
  /// Called after each request.
  var requested: () -> Void = {}

  func store(_ descriptor: CInt, named name: String, of owner: AnyObject) {
    request("store \(name)") { stored.append((name, dup(descriptor))) }
  }

  func remove(_ name: String) {
    request("remove \(name)") {
      for one in stored where one.name == name { close(one.descriptor) }
      stored.removeAll { $0.name == name }
    }
  }

  private func request(_ text: String, _ body: () -> Void) {
    if !isDeaf { body() }
    requests.append(text)
    requested()
  }

  deinit { for one in stored { close(one.descriptor) } }

  /// What a process finds that starts now.
  func inherit() -> InheritedStore {
    InheritedStore(stored.map { ($0.name, dup($0.descriptor)) }, boot: Samples.boot)
  }
}
