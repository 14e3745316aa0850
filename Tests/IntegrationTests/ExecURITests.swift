import Core
import Glibc
import Laboratory
import TestNeeds
import TestSupport
import Testing

/// `rolekeeper exec --uri` and the vendor's SDK, unmodified, beside a real daemon.
@Suite(.serialized, .needs(.root)) struct ExecURITests {
  private static let path = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]

  private let address: LoopbackAddress
  private let lab: Lab

  init() throws {
    let address = TCPSocket.freeAddress()
    self.address = address
    lab = try Lab(RealmDraft(lifetime: nil)) { draft in
      draft.socket = "mode = \"0660\"\ngroup = \(Person.clients)"
      draft.loopback = [address.description]
      draft.roles = [
        SettingsDraft.Role("uploader", more: "allow = { users = [\(Person.reader)] }"),
        SettingsDraft.Role("reports", more: "allow = { users = [0] }"),
      ]
    }
    try lab.start()
  }

  private func exec(
    _ options: [String], _ command: [String], as uid: UInt32 = Person.reader, environment: [String: String] = [:]
  ) throws -> (status: CInt, output: String, errors: String) {
    let words = [Programs.commandLine, "--socket", lab.draft.socketPath, "exec", "uploader", "--uri"] + options
    return try ChildProcess.run(
      Person.words(uid) + words + ["--"] + command, environment: Self.path.merging(environment) { $1 })
  }

  @Test func `the command has the URIs, and no other source of a credential`() throws {
    let leftovers = [
      "ALIBABA_CLOUD_ACCESS_KEY_ID": "old", "ALIBABA_CLOUD_CREDENTIALS_URI": "old", "ALIBABA_CLOUD_ROLE_ARN": "old",
      "ALIBABA_CLOUD_OIDC_TOKEN_FILE": "old", "ALIBABA_CLOUD_ECS_METADATA": "old", "OSS_ACCESS_KEY_ID": "old",
      "AWS_ACCESS_KEY_ID": "old", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "old", "AWS_PROFILE": "old",
      "AWS_CONFIG_FILE": "old", "AWS_CREDENTIAL_FILE": "old", "MINIO_ACCESS_KEY": "old", "ROLEKEEPER_SCOPE": "old",
      "HTTPS_PROXY": "http://kept.example:1", "http_proxy": "",
    ]
    let run = try exec([], ["/usr/bin/env"], environment: leftovers)
    #expect(run.status == 0 && run.errors.isEmpty)
    #expect(
      Set(run.output.split(separator: "\n").map(String.init)) == [
        "ALIBABA_CLOUD_CREDENTIALS_URI=http://\(address)/uploader",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://\(address)/uploader/aws",
        "ALIBABA_CLOUD_ECS_METADATA_DISABLED=true", "ALIBABA_CLOUD_CLI_PROFILE_DISABLED=true",
        "ALIBABA_CLOUD_IGNORE_PROFILE=TRUE", "ALIBABA_CLOUD_CREDENTIALS_FILE=/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_CONFIG_FILE=/dev/null", "BOTO_CONFIG=/dev/null",
        "MINIO_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true", "ROLEKEEPER_ROLE=uploader",
        "PATH=\(Self.path["PATH"]!)",
        "HTTPS_PROXY=http://kept.example:1", "http_proxy=",
      ])
  }

  @Test func `a scope is in the URIs, for those whom it admits`() throws {
    try lab.directory.write(
      #"{"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:ListObjects","Resource":"*"}]}"#, to: "list.json")
    lab.draft.roles[0].more += """

      [roles.uploader.scopes.list]
      policy_file = "list.json"
      allow = { users = [\(Person.stranger)] }
      """
    try lab.writeSettings()
    #expect(try lab.rolekeeper("reload").status == 0)
    for uid in [Person.reader, Person.stranger] {
      let run = try exec(["--scope", "list"], ["/usr/bin/env"], as: uid)
      let lines = Set(run.output.split(separator: "\n").map(String.init))
      #expect(
        lines.isSuperset(of: [
          "ALIBABA_CLOUD_CREDENTIALS_URI=http://\(address)/uploader?scope=list",
          "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://\(address)/uploader/aws?scope=list", "ROLEKEEPER_ROLE=uploader",
          "ROLEKEEPER_SCOPE=list",
        ]), "\(run)")
    }
    #expect(try exec([], ["/usr/bin/true"], as: Person.stranger).status == 1)
    let wrong = try exec(["--scope", "lists"], ["/usr/bin/true"])
    #expect(wrong.status == 1 && wrong.errors.contains("'list'"), "\(wrong)")
  }

  @Test(arguments: ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
  func `a proxy in the environment is refused, or dropped on request`(name: String) throws {
    let proxy = [name: "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"]
    let refused = try exec([], ["/usr/bin/env"], environment: proxy)
    #expect(refused.status == 2 && refused.output.isEmpty)
    #expect(refused.errors.contains("'\(name)' is set") && refused.errors.contains("--drop-proxy"))
    let dropped = try exec(["--drop-proxy"], ["/usr/bin/env"], environment: proxy)
    #expect(dropped.status == 0 && !dropped.output.contains("\(name)=") && dropped.output.contains("NO_PROXY="))
  }

  @Test func `a user whom the role doesn't name, root too, is refused`() throws {
    let root = try exec([], ["/usr/bin/true"], as: 0)
    #expect(root.status == 1 && root.errors.contains("roles.uploader.allow"))
    let stranger = try exec([], ["/usr/bin/true"], as: Person.stranger)
    #expect(stranger.status == 1)
  }

  @Test func `where the URI is off, usage says what to install`() throws {
    lab.draft.loopback = []
    try lab.writeSettings()
    #expect(try lab.rolekeeper("reload", "--allow-removal").status == 0)
    let run = try exec([], ["/usr/bin/true"])
    #expect(run.status == 2 && run.errors.contains("loopback.conf") && run.errors.contains("[loopback]"))
  }

  /// The command ran, and its SDK got 503, or went on without a credential.
  @Test func `without a session the command isn't run, and the status is that of get`() throws {
    try lab.emulator.fault("kind=error&status=403&code=NoPermission&action=AssumeRole", role: "late")
    lab.draft.roles.append(SettingsDraft.Role("late", more: "allow = { users = [\(Person.reader)] }"))
    try lab.writeSettings()
    #expect(try lab.rolekeeper("reload").status == 0)
    let person = Person.words(Person.reader)
    let get = try lab.rolekeeper("get", "late", wrapper: person)
    let run = try lab.rolekeeper("exec", "late", "--uri", "--", "/bin/echo", "ran", wrapper: person)
    #expect(get.status != 0 && run.status == get.status && run.output.isEmpty, "\(get) \(run)")
    #expect(run.errors.contains("role 'late'") && run.errors.contains("NoPermission"), "\(run)")
  }

  @Test(arguments: [["--format", "env"], ["--min-ttl", "1h"], ["--wait", "1s"], ["--renew", "restart"]])
  func `options about a fetched credential don't go with it`(options: [String]) throws {
    #expect(try exec(options, ["/usr/bin/true"]).status == 2)
  }

  private static let sdk = """
    from alibabacloud_credentials.client import Client
    client = Client()
    for step in range(2):
        credential = client.get_credential()
        print(credential.access_key_id, credential.access_key_secret, credential.security_token, flush=True)
    """

  /// Its chain asks an ini file and the command line's profile first, if they are there.
  @Test(.needs(.witnesses)) func `the vendor's SDK takes the credential from the URI, whatever lies in the home`()
    throws
  {
    let home = lab.directory.path("home")
    mkdir(home, 0o755)
    mkdir("\(home)/.alibabacloud", 0o755)
    mkdir("\(home)/.aliyun", 0o755)
    try lab.directory.write(
      "[default]\ntype = access_key\naccess_key_id = old\naccess_key_secret = old\n",
      to: "home/.alibabacloud/credentials.ini", mode: 0o644)
    try lab.directory.write(
      #"{"current": "default", "profiles": [{"name": "default", "mode": "AK", "access_key_id": "old", "access_key_secret": "old"}]}"#,
      to: "home/.aliyun/config.json", mode: 0o644)
    let python = String(cString: getenv("WITNESS_PYTHON"))
    let script = Self.sdk
    let credential = try lab.credential("reports")
    let run = try ChildProcess.run(
      [Programs.commandLine, "--socket", lab.draft.socketPath, "exec", "reports", "--uri", "--", python, "-c", script],
      environment: Self.path.merging(["HOME": home]) { $1 })
    let line = "\(credential.keyID) \(credential.secret) \(credential.token)\n"
    #expect(run.output == line + line, "\(run.errors)")
    // The same program with the proxy that exec refuses.
    let proxied = try ChildProcess.run(
      [python, "-c", script],
      environment: Self.path.merging([
        "HOME": "/nonexistent", "ALIBABA_CLOUD_CREDENTIALS_URI": "http://\(address)/reports",
        "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true", "HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1",
      ]) { $1 })
    #expect(!proxied.output.contains("STS."), "NO_PROXY is obeyed by now")
  }
}
