import Core
import Glibc
import Laboratory
import TestNeeds
import TestSupport
import Testing

/// `rolekeeper get` as programs run it.
@Suite(.serialized) struct GetTests {
  @Test func `get prints one field alone`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.start()
    let credential = try lab.credential("uploader")
    for (field, value) in [
      ("access_key_id", credential.keyID), ("access_key_secret", credential.secret),
      ("security_token", credential.token), ("expiration", "\(credential.expiration)"),
    ] {
      let run = try lab.rolekeeper("get", "uploader", "--field", field)
      #expect(run.status == 0 && run.output == "\(value)\n" && run.errors.isEmpty, "\(field)")
    }
  }

  @Test(arguments: CredentialFormat.allCases)
  func `get writes nothing to stderr in any format, and reads no stdin`(format: CredentialFormat) throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.start()
    let script = #"printf 'left\n' | { "$1" --socket "$2" get uploader --format "$3" >/dev/null && cat; }"#
    let run = try ChildProcess.run(
      ["/bin/sh", "-c", script, "sh", Programs.commandLine, lab.draft.socketPath, format.rawValue])
    #expect(run.status == 0 && run.output == "left\n" && run.errors.isEmpty, "\(run)")
  }

  @Test func `get fills in a template, and refuses a wrong one before anything is asked for`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let daemon = try lab.start()
    let wrong = try lab.directory.write("a\n{{token}}\n", to: "wrong")
    let refused = try lab.rolekeeper("get", "uploader", "--template", wrong)
    #expect(refused.status == 1 && refused.output.isEmpty)
    #expect(refused.errors.contains("template '\(wrong)' line 2: it has a place for 'token'"), "\(refused.errors)")
    #expect(try lab.rolekeeper("get", "uploader", "--template", lab.directory.path("none")).status == 1)
    #expect(!daemon.log.contains("credential handed out"))
    let good = try lab.directory.write("id={{access_key_id}} token={{security_token|shell}}\n", to: "good")
    let run = try lab.rolekeeper("get", "uploader", "--template", good)
    let credential = try lab.credential("uploader")
    #expect(run.status == 0 && run.errors.isEmpty)
    #expect(run.output == "id=\(credential.keyID) token='\(credential.token)'\n")
  }

  // MARK: - A file

  @Test func `get replaces a file as a whole, which only its owner may read`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.start()
    let path = try lab.directory.write("old", to: "credential", mode: 0o644)
    let before = try #require(FileStatus(path))
    let run = try lab.rolekeeper("get", "uploader", "--output", path)
    #expect(run.status == 0 && run.output.isEmpty && run.errors.isEmpty, "\(run)")
    let after = try #require(FileStatus(path))
    #expect(after.mode == 0o400 && after.inode != before.inode)
    #expect(try Credential(document: FileText.read(path) ?? "").keyID == lab.credential("uploader").keyID)
    let again = try lab.rolekeeper("get", "uploader", "--field", "expiration", "--output", path)
    let end = try lab.credential("uploader").expiration
    #expect(again.status == 0 && FileText.read(path) == "\(end)\n")
    let beside = try #require(names(lab.directory.path)).filter { $0.hasPrefix(".credential") }
    #expect(beside.isEmpty, "\(beside)")
  }

  @Test func `a relative path is one of the working directory`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.start()
    let script = #"cd "$1" && exec "$2" --socket "$3" get uploader --output here"#
    let run = try ChildProcess.run(
      ["/bin/sh", "-c", script, "sh", lab.directory.path, Programs.commandLine, lab.draft.socketPath])
    #expect(run.status == 0 && FileStatus(lab.directory.path("here"))?.mode == 0o400, "\(run)")
  }

  @Test func `nothing but a regular file is replaced, and no session is handed out for it`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let daemon = try lab.start()
    let target = try lab.directory.write("mine", to: "target", mode: 0o600)
    symlink(target, lab.directory.path("link"))
    symlink("/nowhere", lab.directory.path("dangling"))
    mkfifo(lab.directory.path("pipe"), 0o600)
    for (name, reason) in [
      ("link", "it is a symlink"), ("dangling", "it is a symlink"), ("pipe", "it isn't a regular file"),
      (".", "it is a directory"), ("missing/file", "there is no such directory"), ("target/file", "Not a directory"),
    ] {
      let path = lab.directory.path(name)
      let run = try lab.rolekeeper("get", "uploader", "--output", path)
      #expect(run.status == 1 && run.output.isEmpty, "\(name): \(run)")
      #expect(run.errors.contains("file '\(path)': \(reason)"), "\(name): \(run.errors)")
    }
    #expect(FileText.read(target) == "mine" && FileStatus(target)?.mode == 0o600)
    #expect(!daemon.log.contains("credential handed out"))
  }

  @Test func `a get that fails leaves the file, and tells nothing of a credential`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.start()
    let path = try lab.directory.write("old", to: "credential", mode: 0o600)
    let run = try lab.rolekeeper("get", "nobody", "--output", path)
    #expect(run.status == 1 && run.output.isEmpty && FileText.read(path) == "old")
    let credential = try lab.credential("uploader")
    let full = try ChildProcess.run([
      "/bin/sh", "-c", #""$1" --socket "$2" get uploader --format aws-process >/dev/full"#, "sh", Programs.commandLine,
      lab.draft.socketPath,
    ])
    #expect(full.status == 1 && full.errors.contains("cannot write to stdout"))
    for secret in [credential.secret, credential.token] { #expect(!full.errors.contains(secret)) }
  }

  private func names(_ path: String) -> [String]? {
    guard let directory = opendir(path) else { return nil }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      withUnsafePointer(to: entry.pointee.d_name) { name in
        name.withMemoryRebound(to: CChar.self, capacity: 256) { names.append(String(cString: $0)) }
      }
    }
    return names
  }

  @Test func `in a configuration of aliyun, get changes the role's profile alone`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.start()
    let path = try lab.directory.write(
      #"{"current": "me", "profiles": [{"name": "me", "access_key_secret": "mine"}]}"#, to: "config.json", mode: 0o600)
    let credential = try lab.credential("uploader")
    for _ in 0..<2 {
      let run = try lab.rolekeeper("get", "uploader", "--format", "aliyun-cli", "--output", path)
      #expect(run.status == 0 && run.output.isEmpty && run.errors.isEmpty, "\(run)")
      let text = try #require(FileText.read(path))
      #expect(text.contains(#""current": "me""#) && text.contains(#"{"name":"me","access_key_secret":"mine"}"#))
      #expect(text.split(separator: #""name":"uploader""#).count == 2 && text.contains(credential.token))
    }
    let wrong = try lab.directory.write("{", to: "wrong.json", mode: 0o600)
    let run = try lab.rolekeeper("get", "uploader", "--format", "aliyun-cli", "--output", wrong)
    #expect(run.status == 1 && run.errors.contains("'\(wrong)': it is no configuration of the aliyun command line"))
    #expect(FileText.read(wrong) == "{")
  }

  // MARK: - Waiting

  /// A program whose first call fails moves along its chain of sources, and stays there.
  @Test(arguments: [([], "wait=4"), (["--min-ttl", "1h"], "min_ttl=3600&wait=10"), (["--wait", "0s"], "wait=0")])
  func `get waits 4 s for a role without a session, and 10 s for a longer one`(
    words: [String], query: String
  ) throws {
    let directory = try TemporaryDirectory()
    let fake = try FakeDaemon(endingFirst: 0, then: 200, "{}", in: directory)
    let run = try ChildProcess.run([Programs.commandLine, "--socket", fake.socketPath, "get", "uploader"] + words)
    #expect(run.status == 0)
    try eventually("the request is logged") { fake.requests.contains("?\(query) ") }
  }
}
