import Glibc
import Laboratory
import TestNeeds
import TestSupport
import Testing

/// `source test`: an AccessKey before it is put in place.
@Suite(.serialized) struct SourceTestTests {
  private static let candidate = RealmDraft.otherKey

  private func write(_ key: RealmDraft.Key, in lab: Lab, mode: UInt32 = 0o400) throws -> String {
    try lab.directory.write("AccessKey ID,AccessKey Secret\n\(key.id),\(key.secret)\n", to: "new.csv", mode: mode)
    return lab.directory.path("new.csv")
  }

  private func test(
    _ lab: Lab, _ file: String, _ words: String...
  ) throws -> (status: CInt, output: String, errors: String) {
    let run = try ChildProcess.run(
      [Programs.commandLine, "source", "test", file, "--config", lab.configPath] + words)
    for secret in [RealmDraft.key.secret, Self.candidate.secret, "STS."] {
      #expect(!"\(run)".contains(secret), "\(run)")
    }
    return (run.status, run.output, run.errors)
  }

  private func lab() throws -> Lab {
    let lab = try Lab(RealmDraft(lifetime: nil))
    // The candidate's user may assume one of the roles.
    try lab.emulator.reload(
      realm: RealmDraft(lifetime: nil).text.replacing(
        "[accounts.\(RealmDraft.account).roles.reports]\ntrust = [\"acs:ram::\(RealmDraft.account):root\"]",
        with: "[accounts.\(RealmDraft.account).roles.reports]\ntrust = [\"acs:ram::\(RealmDraft.account):user/keeper\"]"
      )
        + """

        [accounts.\(RealmDraft.account).users.next]
        access_keys = [{ id = "\(Self.candidate.id)", secret = "\(Self.candidate.secret)" }]
        policies = ["AliyunSTSAssumeRoleAccess"]
        """)
    return lab
  }

  @Test func `it says whose the key is and for which roles it is good, and leaves the one in place`() throws {
    let lab = try lab()
    let run = try test(lab, try write(Self.candidate, in: lab))
    #expect(run.status == 77 && run.errors.isEmpty, "\(run)")
    for words in [
      "has an AccessKey, and nobody but its owner",
      "ok       AccessKey LTAI…hero: the AccessKey is that of 'acs:ram::\(RealmDraft.account):user/next'",
      "ok       role uploader: ", "failed   role reports: NoPermission",
    ] { #expect(run.output.contains(words), "\(words) in:\n\(run.output)") }
    #expect(!run.output.contains("to put it in place"))
    let one = try test(lab, lab.directory.path("new.csv"), "--role", "uploader")
    #expect(one.status == 0, "\(one)")
    #expect(
      one.output.contains(
        "to put it in place: sudo install -m 0400 -o rolekeeper \(lab.directory.path("new.csv")) \(lab.draft.keyPath).new && sudo mv "
      ),
      "\(one)")
  }

  @Test func `it works before there is a key in place, and from standard input`() throws {
    let lab = try lab()
    unlink(lab.draft.keyPath)
    let script =
      #"printf '%s' '{"AccessKeyId":"'$3'","AccessKeySecret":"'$4'"}' | "$1" source test - --config "$2" --json"#
    let run = try ChildProcess.run([
      "/bin/sh", "-c", script, "sh", Programs.commandLine, lab.configPath, RealmDraft.key.id, RealmDraft.key.secret,
    ])
    #expect(run.status == 0 && run.errors.isEmpty, "\(run)")
    let verdict = Self.asksAsRoot ? "skipped" : "ok"
    #expect(
      run.output.hasPrefix(#"{"verdict":"\#(verdict)","findings":["#) && run.output.contains("user/keeper"), "\(run)")
  }

  /// Where there is no user rolekeeper; that is a finding of its own.
  private static let asksAsRoot = geteuid() == 0 && getpwnam("rolekeeper") == nil

  /// Before the installation there is no user for whom root could be given up.
  @Test(.needs(.root)) func `without the daemon's user STS is asked as root, and the report says so`() throws {
    let lab = try lab()
    // As if nothing were installed here.
    let script =
      #"sed '/^rolekeeper:/d' /etc/passwd >"$1" && mount --bind "$1" /etc/passwd && shift && exec "$@""#
    let run = try ChildProcess.run([
      "/usr/bin/unshare", "--mount", "/bin/sh", "-c", script, "sh", lab.directory.path("passwd"),
      Programs.commandLine, "source", "test", try write(RealmDraft.key, in: lab), "--config", lab.configPath,
    ])
    #expect(run.status == 0 && run.output.contains("ok       role uploader: "), "\(run)")
    #expect(
      run.output.contains("skipped  user: STS is asked as root, since there is no user 'rolekeeper' yet"), "\(run)")
  }

  @Test(arguments: [
    (
      RealmDraft.Key(id: "LTAIunknownunknownun", secret: RealmDraft.key.secret), CInt(77), "InvalidAccessKeyId.NotFound"
    ),
    (RealmDraft.Key(id: RealmDraft.key.id, secret: "MarkedWrongSecretMarkedWrongSe"), 77, "SignatureDoesNotMatch"),
    (RealmDraft.Key(id: RealmDraft.key.secret, secret: RealmDraft.key.id), 78, "swapped"),
    (RealmDraft.Key(id: RealmDraft.key.id, secret: ""), 78, "secret"),
  ])
  func `a key that isn't good is refused with its fix`(key: RealmDraft.Key, status: CInt, says: String) throws {
    let lab = try lab()
    let run = try test(lab, try write(key, in: lab))
    #expect(run.status == status && run.output.contains(says) && run.output.contains("next: "), "\(run)")
    #expect(!run.output.contains("MarkedWrong"), "\(run)")
  }

  @Test func `a file that others may read is warned of, and one that isn't there is no test`() throws {
    let lab = try lab()
    let loose = try test(lab, try write(RealmDraft.key, in: lab, mode: 0o644))
    #expect(loose.status == 0 && loose.output.contains("its mode is 0644"), "\(loose)")
    #expect(loose.output.contains("make a new AccessKey if others had access"), "\(loose)")
    let missing = try test(lab, lab.directory.path("none"))
    #expect(missing.status == 78 && missing.output.contains("No such file"), "\(missing)")
  }

  @Test func `an STS that doesn't answer is no verdict on the key`() throws {
    let lab = try lab()
    lab.draft.endpoint = "127.0.0.1:1"
    try lab.writeSettings()
    let run = try test(lab, try write(RealmDraft.key, in: lab))
    #expect(run.status == 4 && run.output.contains("skipped  AccessKey LTAI…keep: no endpoint answers"), "\(run)")
  }

  @Test(arguments: [["source"], ["source", "try", "x"], ["source", "test"], ["source", "test", "a", "b"]])
  func `other words are wrong usage`(words: [String]) throws {
    let run = try ChildProcess.run([Programs.commandLine] + words)
    #expect(run.status == 2 && run.errors.contains("rolekeeper source test FILE"), "\(run)")
  }
}
