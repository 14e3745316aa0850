import Glibc
import Laboratory
import TestNeeds
import TestSupport
import Testing
import Wire

/// What of a container matters to its readers: mounts and user namespaces, made by bubblewrap and unshare(1) for users without rights.
@Suite(.serialized, .needs(.root, .bubblewrap)) struct ContainerTests {
  private let lab: Lab

  init() throws {
    lab = try Lab(RealmDraft(lifetime: nil)) { draft in
      draft.socket = "mode = \"0660\"\ngroup = \(Person.clients)"
      draft.roles = [
        SettingsDraft.Role(
          "uploader", more: "allow = { users = [\(Person.reader)] }",
          files: SettingsDraft.Role.file("credentials.json", "owner = \(Person.reader)\ngroup = \(Person.clients)")),
        SettingsDraft.Role("reports"),
      ]
    }
    try lab.start()
  }

  /// Words before a command's own that run it in user, PID, network and other namespaces of its own, as this user has them outside.
  private func bubblewrap(_ uid: UInt32, _ options: [String] = []) -> [String] {
    Person.words(uid) + ["/usr/bin/bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/"] + options
  }

  /// The same with a user namespace alone, in which it is root.
  private func asRoot(_ uid: UInt32) -> [String] {
    Person.words(uid) + ["/usr/bin/unshare", "--user", "--map-root-user"]
  }

  // MARK: - Mounts

  @Test func `mounted directories follow restarts and rotations, and mounted files and sockets don't`() throws {
    let gate = lab.directory.path("gate")
    #expect(mkfifo(gate, 0o644) == 0)
    let role = "\(lab.draft.directory)/uploader"
    let mounts = [
      (lab.directory.path, "/tmp/whole"), (lab.draft.socketPath, "/tmp/socket"), (role, "/tmp/role"),
      ("\(role)/credentials.json", "/tmp/credentials.json"),
    ]
    let script = """
      for state in before after; do
        for path in /tmp/whole/rk.sock /tmp/socket; do
          "$0" --socket "$path" get uploader --field access_key_id || echo "status $?"
        done
        for path in /tmp/role/credentials.json /tmp/credentials.json; do
          grep -o 'STS[.][A-Za-z0-9]*' "$path" | head -n 1
        done
        echo "$state"
        if [ $state = before ]; then read line </tmp/whole/gate; fi
      done
      """
    let container = try ChildProcess(
      bubblewrap(Person.reader, ["--tmpfs", "/tmp"] + mounts.flatMap { ["--ro-bind", $0.0, $0.1] })
        + ["/bin/sh", "-c", script, Programs.commandLine], in: lab.directory, named: "container")
    let first = try lab.credential("uploader").keyID
    try eventually("all were read: \(container.errors)") { container.output.contains("before\n") }
    lab.daemon.child.stop()
    try lab.startNext(named: "second")
    let generation = try lab.status("uploader").generation
    #expect(try lab.rolekeeper("refresh", "uploader").status == 0)
    try eventually("the rotation") { try lab.status("uploader").generation > generation }
    let second = try lab.credential("uploader").keyID
    try eventually("the file") { FileText.read("\(role)/credentials.json")?.contains(second) == true }
    try lab.directory.write("go\n", to: "gate")
    #expect(container.wait() == 0, "\(container.errors)")
    let lines = container.output.split(separator: "\n").map(String.init)
    #expect(lines == [first, first, first, first, "before", second, "status 3", second, first, "after"])
    #expect(container.errors.contains("'/tmp/socket': nothing listens there"))
  }

  // MARK: - User namespaces

  /// A user of the host, and which of its own it is in there.
  struct Case: CustomStringConvertible {
    let description: String
    let uid: UInt32
    var asRoot = false
    let inside: UInt32
    let status: CInt
  }

  static let cases = [
    Case(description: "an allowed user as another one", uid: Person.reader, inside: 1000, status: 0),
    Case(description: "an allowed user as root", uid: Person.reader, asRoot: true, inside: 0, status: 0),
    Case(description: "a stranger as an allowed user", uid: Person.stranger, inside: Person.reader, status: 1),
    Case(description: "a stranger as an administrator", uid: Person.stranger, asRoot: true, inside: 0, status: 1),
  ]

  @Test(arguments: cases) func `the uid of the host counts, whatever it is inside`(person: Case) throws {
    let wrapper =
      person.asRoot ? asRoot(person.uid) : bubblewrap(person.uid, ["--uid", "\(person.inside)", "--gid", "1000"])
    #expect(try ChildProcess.run(wrapper + ["/usr/bin/id", "-u"]).output == "\(person.inside)\n")
    let get = try lab.rolekeeper("get", "uploader", wrapper: wrapper)
    #expect(get.status == person.status, "\(get.errors)")
    try lab.daemon.awaitLog(person.status == 0 ? "credential handed out" : "request refused", "uid=\(person.uid)")
    let reload = try lab.rolekeeper("reload", wrapper: wrapper)
    #expect(reload.status == 1 && reload.errors.contains("this is for administrators"), "\(reload.errors)")
  }

  @Test func `other users and groups of the host read as 65534, and modes count by the host's numbers`() throws {
    let file = "\(lab.draft.directory)/uploader/current/credentials.json"
    let stat = ["/usr/bin/stat", "--format", "%u %g", lab.draft.socketPath, file]
    let reader = try ChildProcess.run(bubblewrap(Person.reader, ["--uid", "1000", "--gid", "1000"]) + stat)
    #expect(reader.output == "65534 65534\n1000 65534\n", "\(reader.errors)")
    for (uid, status) in [(Person.reader, CInt(0)), (Person.stranger, 1)] {
      let run = try ChildProcess.run(asRoot(uid) + ["/bin/cat", file])
      #expect(run.status == status, "\(run.errors)")
    }
  }

  @Test func `without the socket's group, which container tools drop, nothing connects`() throws {
    let wrapper = Person.words(Person.reader, groups: []) + ["/usr/bin/unshare", "--user", "--map-root-user"]
    let get = try lab.rolekeeper("get", "uploader", wrapper: wrapper)
    #expect(get.status == 3 && get.errors.contains("this user namespace has no number for its group"), "\(get.errors)")
  }
}
