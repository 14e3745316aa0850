import Core
import Logs
import Settings

/// Removes files that no longer are outputs after a change of the settings.
///
/// Nothing is removed before all roles have changed, since another role may be about to own the path, and nothing that is an output
/// again by then, or by the time of a retry. A failure is reported once.
final class OutputRemovals {
  /// A former output of a role. It doesn't hold the role's outputs, so that these can cancel orders that the disk hasn't begun.
  private struct Removal {
    let role: String
    let directory: String
    var places: [OutputFile]

    func path(of place: OutputFile) -> String { place.paths(role: role, in: directory).target }
  }

  /// Called with the path of a role's directory, or of a file elsewhere, that is to be removed. True if it is an output now: its
  /// role then writes there, or removes the present content while it has nothing to write.
  var takeBack: (String) -> Bool = { _ in false }
  /// Called when something couldn't be removed: `retry` has to be called later.
  var failed: () -> Void = {}

  private let writer: FileWriter
  private let log: Log
  private var waiting: [Removal] = []
  private var failures: [(removal: Removal, reported: String)] = []
  /// Files elsewhere that are to be removed, and haven't been yet.
  private var unremoved: [OutputPath: RecordedOutput] = [:]

  init(writer: FileWriter, log: Log) {
    self.writer = writer
    self.log = log
  }

  /// The files elsewhere that still exist, for the next process.
  var recorded: [RecordedOutput] { Array(unremoved.values) }

  /// `places` were outputs of `old`.
  func add(_ places: [OutputFile], of old: ManagedOutputs) {
    waiting.append(Removal(role: old.role.name.description, directory: old.directory, places: places))
  }

  /// All roles have changed.
  func perform(_ mounts: MountTable) {
    let removals = waiting
    waiting = []
    for removal in removals { remove(removal, mounts) }
    failures = failures.compactMap { removal, reported in
      let left = withoutOutputs(removal)
      return left.places.isEmpty ? nil : (left, reported)
    }
  }

  /// Retries failed removals.
  func retry(_ mounts: MountTable) {
    let removals = failures
    failures = []
    for (removal, reported) in removals { remove(removal, mounts, reported: reported) }
  }

  /// Removes what isn't an output of any role now. `reported` is the error that was reported at the last attempt.
  private func remove(_ removal: Removal, _ mounts: MountTable, reported: String? = nil) {
    let removal = withoutOutputs(removal)
    if removal.places.isEmpty { return }
    record(removal)
    let files = RoleOutputs(
      writer, directory: removal.directory, role: removal.role, outputs: removal.places, mounts: mounts)
    files.remove { [unowned self] result in
      // Without this the order would be carried out, but its outcome not reported.
      withExtendedLifetime(files) {
        switch result.outcome {
        case .success: if let path = OutputPath(result.path) { unremoved[path] = nil }
        case .failure(let error): fail(removal, at: result.path, "\(error)", reported)
        }
      }
    }
  }

  private func record(_ removal: Removal) {
    guard let role = RoleName(removal.role) else { return }
    for file in removal.places.compactMap(\.elsewhere) {
      unremoved[file.path] = RecordedOutput(role: role, uid: file.uid, settingsFile: nil, path: file.path)
    }
  }

  private func fail(_ removal: Removal, at path: String, _ error: String, _ reported: String?) {
    var left = removal
    left.places.removeAll { removal.path(of: $0) != path }
    // Meanwhile a reload may have put it back into use.
    left = withoutOutputs(left)
    if left.places.isEmpty { return }
    if reported != error {
      log.write(.fileNotRemoved, [.role(removal.role), .reason(error)])
    }
    failures.append((left, error))
    failed()
  }

  /// Leaves out current outputs.
  private func withoutOutputs(_ removal: Removal) -> Removal {
    var left = removal
    let outputs = Set(removal.places.map { removal.path(of: $0) }).filter { takeBack($0) }
    left.places.removeAll { place in
      guard outputs.contains(removal.path(of: place)) else { return false }
      if let file = place.elsewhere { unremoved[file.path] = nil }
      return true
    }
    return left
  }
}
