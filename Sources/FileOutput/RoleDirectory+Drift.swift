import CLinux
import Core
import Glibc

extension RoleDirectory {
  mutating func isCurrent(
    _ versions: [UInt64], _ end: Int, in directory: borrowing Directory
  ) throws(FileOutputError) -> Bool {
    // The directory's own drift was found when it was opened.
    guard let written else { return false }
    drifts += try drifts(from: written, in: directory)
    return drifts.isEmpty && written.versions == versions && written.end == end
  }

  private func drifts(
    from written: Snapshot, in directory: borrowing Directory
  ) throws(FileOutputError) -> [OutputDrift] {
    let name = Self.name(written.number)
    if let found = try directory.drift(ofLink: Self.current, to: name) {
      return [OutputDrift(path: directory.path(of: Self.current), found: found)]
    }
    guard let status = try directory.status(of: name), status.isDirectory else {
      let found = try directory.status(of: name) == nil ? "missing" : "not a directory"
      return [OutputDrift(path: directory.path(of: name), found: found)]
    }
    var drifts: [OutputDrift] = []
    var found: [String] = []
    if status.permissions != Self.directoryMode || status.uid != geteuid() { found.append("\(status.access)") }
    if clinux_has_acl(directory.descriptor, name) == 1 { found.append("an access control list") }
    let isRight = found.isEmpty
    if !isRight {
      drifts.append(OutputDrift(path: directory.path(of: name), found: found.joined(separator: ", ")))
      // The new snapshot replaces it at once, but this one stays for current readers.
      guard status.uid == geteuid() else { return drifts }
      try directory.restore(name, mode: Self.directoryMode)
    }
    let snapshot = try directory.openDirectory(name)
    if !isRight {
      try snapshot.removeACLs(of: snapshot.descriptor, snapshot.path)
      // The mode shows an access control list's mask.
      try snapshot.setMode(Self.directoryMode)
    } else if let found = try snapshot.drift(ofLink: EndRecord.inSnapshot, to: "\(written.end)") {
      drifts.append(OutputDrift(path: snapshot.path(of: EndRecord.inSnapshot), found: found))
    }
    if isRight, let generation = written.generation,
      let found = try snapshot.drift(ofLink: EndRecord.generationInSnapshot, to: "\(generation)")
    {
      drifts.append(OutputDrift(path: snapshot.path(of: EndRecord.generationInSnapshot), found: found))
    }
    for (output, status) in zip(outputs, written.statuses) {
      let name = output.name.description
      var found = try directory.drift(ofLink: name, to: "\(Self.current)/\(name)")
      if found == nil { found = try snapshot.drift(of: name, from: status) }
      if let found { drifts.append(OutputDrift(path: directory.path(of: name), found: found)) }
    }
    return drifts
  }
}
