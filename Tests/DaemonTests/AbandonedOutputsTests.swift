import Core
import Glibc
import Secrets
import Systemd
import TestSupport
import Testing

@testable import Daemon
@testable import FileOutput
@testable import Settings

@Suite struct AbandonedOutputsTests {
  private let directory: TemporaryDirectory
  private let recorder = LogRecorder()
  private let abandoned: AbandonedOutputs

  init() throws {
    directory = try TemporaryDirectory()
    abandoned = try AbandonedOutputs(loop: EventLoop(), log: recorder.log)
  }

  private func leave(_ role: String, until end: Int) throws {
    let name = OutputName("a")!
    let file = OutputFile(.inRoleDirectory(name), uid: geteuid(), gid: getegid(), mode: 0o400)
    var written = RoleDirectory(parent: directory.path("roles"), role: role, [(name, file)])
    let text = Secret(copying: Array("text".utf8).span)
    _ = try written.write([SealedContent(text, version: 1)], until: end)
  }

  private func isThere(_ role: String) -> Bool { access(directory.path("roles/\(role)"), F_OK) == 0 }

  /// The timer wasn't armed again then, and what was left stayed past its end.
  @Test func `one that can't be removed makes the others wait for their ends all the same`() throws {
    try leave("damaged", until: 100)
    try leave("valid", until: time(nil) + 3600)
    mkdir(directory.path("roles/damaged/gen-1/x"), 0o755)
    abandoned.remove(in: directory.path("roles"), keeping: [])
    #expect(abandoned.isArmed && isThere("valid"))
    #expect(recorder.all.contains { $0.hasPrefix("error: files of earlier roles not removed, trying again") })
    abandoned.settingsChanged(to: directory.path("roles"), [Bench.role("other")])
    #expect(!isThere("valid"))
  }

  /// The old directory was forgotten.
  @Test func `what is left in a directory is removed when the settings have another one`() throws {
    try leave("valid", until: time(nil) + 3600)
    abandoned.remove(in: directory.path("roles"), keeping: [])
    abandoned.settingsChanged(to: directory.path("elsewhere"), [])
    #expect(abandoned.isArmed && isThere("valid"))
    abandoned.settingsChanged(to: directory.path("elsewhere"), [Bench.role("valid")])
    #expect(!abandoned.isArmed && !isThere("valid"))
  }

  @Test func `what is in use isn't removed when it is looked at again`() throws {
    try leave("valid", until: time(nil) + 3600)
    abandoned.remove(in: directory.path("roles"), keeping: [])
    var role = Bench.role("valid")
    role.outputs = [.init(location: .roleDirectory(name: "a"), format: .json, uid: 0, gid: 0, mode: 0o400)]
    abandoned.settingsChanged(to: directory.path("roles"), [role])
    abandoned.look()
    #expect(isThere("valid") && !abandoned.isArmed)
  }
}
