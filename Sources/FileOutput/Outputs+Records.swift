package import Core
package import Settings
import Systemd

/// What one process records for the next of the places where its credentials lie, and what becomes of the places of an earlier one.
extension Outputs {
  /// Removes what earlier processes left of roles that have no files any more, also where their settings had another directory. Blocks on a
  /// disk.
  package func removeAbandoned(recorded: [RecordedDirectory] = []) throws {
    abandoned.remove(in: directory, recorded: recorded)
    for (parent, recorded) in Dictionary(grouping: recorded, by: \.parent) {
      guard let parent, parent != directory else { continue }
      let former = try AbandonedOutputs(
        scheduler: scheduler, settings: settings, disk: writer.disk, log: log)
      former.remove(in: parent, recorded: recorded)
      if former.waiting != nil { inFormerDirectories.append(former) }
    }
  }

  /// Takes over the outputs elsewhere that an earlier process recorded, once all roles have been taken on: what isn't an output any more
  /// is removed.
  package func takeOver(_ recorded: [RecordedOutput]) {
    former.take(recorded)
    judgeFormer(allowsRemoval: false)
    owners = nil
  }

  private func judgeFormer(allowsRemoval: Bool) {
    for output in former.recorded {
      // Another role's credential isn't for the readers of the one that has the place now.
      guard let owner = owner(of: "\(output.path)") else { continue }
      if output.isWritten { owner.wasWritten(at: "\(output.path)") }
      if owner.role.name != output.role { removeUnwanted(from: owner, at: "\(output.path)") }
    }
    former.settingsChanged(mounts: mounts, allowsRemoval: allowsRemoval)
  }

  /// The files elsewhere where a credential may lie at present, for the next process.
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
    return used + removals.recorded + former.recorded
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
    return used + abandoned.recorded.filter { kept[$0.role]?.usesDirectory != true || $0.parent != directory }
      + inFormerDirectories.flatMap(\.recorded)
  }

  /// The outputs of each role where nothing of ours lies, as far as is known: nothing could be written there, say.
  package var unwritten: [RoleName: Set<OutputSettings.Location>] {
    kept.compactMapValues { outputs in
      let locations = outputs.unwritten
      return locations.isEmpty ? nil : locations
    }
  }

  /// All roles have changed to those of the settings in force: what isn't an output any more is removed, and what an earlier process left as at a
  /// start with these settings. `allowsRemoval` is whether that goes for what looks like an accident, too.
  package func rolesChanged(allowsRemoval: Bool = false) {
    removals.perform(mounts)
    judgeFormer(allowsRemoval: allowsRemoval)
    owners = nil
    for abandoned in [abandoned] + inFormerDirectories {
      abandoned.settingsChanged(allowsRemoval: allowsRemoval)
    }
    inFormerDirectories.removeAll { $0.waiting == nil }
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

  func owner(of path: String) -> KeptOutputs? {
    let owners =
      self.owners
      ?? kept.values.reduce(into: [:]) { all, outputs in for path in outputs.paths { all[path] = outputs.role.name } }
    self.owners = owners
    return owners[path].flatMap { kept[$0] }
  }
}
