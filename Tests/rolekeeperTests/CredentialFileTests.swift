import Glibc
import TestSupport
import Testing

@testable import rolekeeper

/// A file of `get --output` that also has the credentials of others.
@Suite struct CredentialFileTests {
  private let directory: TemporaryDirectory
  private let path: String

  init() throws {
    directory = try TemporaryDirectory()
    path = try directory.write("old", to: "config.json", mode: 0o600)
  }

  private func isLocked() -> Bool {
    let other = open(directory.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    defer { close(other) }
    return flock(other, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK
  }

  /// Of two gets at once, one undid the other's change.
  @Test func `a file is changed while its directory is locked`() throws {
    let file = try CredentialFile(path)
    try file.change { existing in
      #expect(existing?.text == "old" && isLocked())
      return secret("new")
    }
    #expect(FileText.read(path) == "new" && !isLocked() && FileNames.read(directory.path) == ["config.json"])
  }

  @Test func `what another program writes meanwhile isn't undone`() throws {
    let file = try CredentialFile(path)
    var seen: [String?] = []
    try file.change { existing in
      seen.append(existing?.text)
      if seen.count == 1 { rename(try directory.write("theirs", to: "other", mode: 0o600), path) }
      return secret("\(existing?.text ?? "") and ours")
    }
    #expect(seen == ["old", "theirs"] && FileText.read(path) == "theirs and ours")
    #expect(FileNames.read(directory.path) == ["config.json"])
  }

  @Test func `a file that appears meanwhile isn't replaced unread`() throws {
    unlink(path)
    let file = try CredentialFile(path)
    var seen: [String?] = []
    try file.change { existing in
      seen.append(existing?.text)
      if seen.count == 1 { try directory.write("theirs", to: "config.json", mode: 0o600) }
      return secret("ours")
    }
    #expect(seen == [nil, "theirs"] && FileText.read(path) == "ours")
  }

  @Test func `a file that changes all the time is left alone`() throws {
    let file = try CredentialFile(path)
    var count = 0
    #expect(throws: CredentialFile.Failure.self) {
      try file.change { _ in
        count += 1
        rename(try directory.write("theirs \(count)", to: "other", mode: 0o600), path)
        return secret("ours")
      }
    }
    #expect(FileText.read(path) == "theirs \(count)" && FileNames.read(directory.path) == ["config.json"])
  }
}
