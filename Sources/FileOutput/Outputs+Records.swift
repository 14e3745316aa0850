package import Core
package import Settings
import Systemd

/// The record of credential files for the next process, and the handling of an earlier process's record.
extension Outputs {
  /// Removes directories that earlier processes left, of roles that have no files any more, also below a parent that only earlier
  /// settings named. Blocks on a disk.
  package func removeFormerDirectories(recorded: [RecordedDirectory] = []) throws {
    formerDirectories.remove(in: directory, recorded: recorded)
    for (parent, recorded) in Dictionary(grouping: recorded, by: \.parent) {
      guard let parent, parent != directory else { continue }
      let elsewhere = try FormerDirectories(
        scheduler: scheduler, settings: settings, disk: writer.disk, log: log)
      elsewhere.remove(in: parent, recorded: recorded)
      if elsewhere.waiting != nil { formerDirectoriesElsewhere.append(elsewhere) }
    }
  }

  /// Takes over the outputs elsewhere that an earlier process recorded, after all roles have been added: those that are no longer
  /// outputs are removed.
  package func takeOver(_ recorded: [RecordedOutput]) {
    formerFiles.take(recorded)
    judgeFormer(allowsRemoval: false)
    owners = nil
  }

  private func judgeFormer(allowsRemoval: Bool) {
    for output in formerFiles.recorded {
      // Another role's credential isn't meant for the readers of the path's new role.
      guard let owner = owner(of: "\(output.path)") else { continue }
      if output.isWritten { owner.wasWritten(at: "\(output.path)") }
      if owner.role.name != output.role { removeUnwanted(from: owner, at: "\(output.path)") }
    }
    formerFiles.settingsChanged(mounts: mounts, allowsRemoval: allowsRemoval)
  }

  /// The files elsewhere that may contain a credential now, for the next process.
  package var recorded: [RecordedOutput] {
    let settingsFiles = settings.inventory.fileOfRole
    let used = kept.values.flatMap { outputs in
      let name = outputs.role.name
      return outputs.filesElsewhere.map {
        RecordedOutput(
          role: name, uid: $0.uid, settingsFile: settingsFiles[name], path: $0.path,
          isWritten: outputs.isWritten("\($0.path)"))
      }
    }
    return used + removals.recorded + formerFiles.recorded
  }

  /// The roles with files in the roles' directory, for the next process.
  package var recordedDirectories: [RecordedDirectory] {
    let settingsFiles = settings.inventory.fileOfRole
    let used = kept.values.compactMap { outputs -> RecordedDirectory? in
      guard outputs.usesDirectory else { return nil }
      return settingsFiles[outputs.role.name].map {
        RecordedDirectory(role: outputs.role.name, settingsFile: $0, parent: outputs.directory)
      }
    }
    return used + formerDirectories.recorded.filter { kept[$0.role]?.usesDirectory != true || $0.parent != directory }
      + formerDirectoriesElsewhere.flatMap(\.recorded)
  }

  /// The outputs of each role where we have no file, as far as is known: for example because nothing could be written there.
  package var unwritten: [RoleName: Set<OutputSettings.Location>] {
    kept.compactMapValues { outputs in
      let locations = outputs.unwritten
      return locations.isEmpty ? nil : locations
    }
  }

  /// All roles now follow the settings in force: files that are no longer outputs are removed, and an earlier process's files are
  /// handled as at a start with these settings. `allowsRemoval` is whether removal is allowed even if the settings look truncated.
  package func rolesChanged(allowsRemoval: Bool = false) {
    removals.perform(mounts)
    judgeFormer(allowsRemoval: allowsRemoval)
    owners = nil
    for directories in [formerDirectories] + formerDirectoriesElsewhere {
      directories.settingsChanged(allowsRemoval: allowsRemoval)
    }
    formerDirectoriesElsewhere.removeAll { $0.waiting == nil }
    isRecordStale = true
    record()
  }

  func record() {
    guard isRecordStale else { return }
    let now = scheduler.time
    let least = kept.count < 100 ? 0 : Int64(kept.count) * 1000
    if let lastRecord, now - lastRecord < .microseconds(least) { return }
    isRecordStale = false
    lastRecord = now
    recordChanged()
  }

  func owner(of path: String) -> ManagedOutputs? {
    let owners =
      self.owners
      ?? kept.values.reduce(into: [:]) { all, outputs in for path in outputs.paths { all[path] = outputs.role.name } }
    self.owners = owners
    return owners[path].flatMap { kept[$0] }
  }
}
