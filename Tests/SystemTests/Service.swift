import SystemBox
import TestSupport

/// The service as a test finds it: stopped, with usual settings, no drop-ins, no faults of STS, and a journal of its own.
struct Service {
  static let unit = Journal.unit
  static let socket = "/run/rolekeeper/rolekeeper.sock"
  static let settings = "/etc/rolekeeper/rolekeeper.toml"

  let box: Box
  let journal: Journal

  init(under release: Release = .machine) throws {
    box = try InstalledHost.get(release).box
    try box.ask(
      """
      systemctl stop \(Self.unit)
      systemctl reset-failed \(Self.unit) 2>/dev/null || true
      rm -rf /run/rolekeeper/* /run/systemd/system/\(Self.unit).d /srv/*
      systemctl daemon-reload
      curl -sS -o /dev/null -X DELETE \(InstalledHost.control)/faults
      """)
    journal = try Journal.fromNow(in: box)
    try write(SettingsText.usual)
  }

  func write(_ settings: String) throws {
    let files = try TemporaryDirectory()
    try box.copy(files.write(settings, to: "settings"), to: Self.settings)
  }

  /// Lines for the unit's section [Service], in force from the next start.
  func override(_ lines: String) throws {
    try box.ask(
      """
      mkdir -p /run/systemd/system/\(Self.unit).d
      printf '[Service]\\n%s\\n' '\(lines)' >/run/systemd/system/\(Self.unit).d/test.conf
      systemctl daemon-reload
      """)
  }

  /// Returns once it is ready; throws what systemd and the journal say when it isn't.
  func start() throws {
    let result = try systemctl("start")
    guard result.status == 0 else { throw BoxError(attempt: "start it", said: result.errors + (try journal.text())) }
  }

  func systemctl(_ verb: String) throws -> Output { try box.run(["systemctl", verb, Self.unit]) }

  /// A property of the unit as `systemctl show` prints it.
  func property(_ name: String) throws -> String {
    try box.ask("systemctl show --property=\(name) --value \(Self.unit)")
  }

  func mainPID() throws -> Int { try Int(property("MainPID")) ?? 0 }

  /// Puts a fault of STS in force, in the words of the emulator's control endpoint.
  func fault(_ query: String) throws {
    try box.ask("curl -sSf -o /dev/null -X POST '\(InstalledHost.control)/faults?\(query)'")
  }

  /// An HTTP request to the socket: the status and then the body, or curl's message.
  func request(_ path: String, as user: String? = nil) throws -> Output {
    try box.run(
      ["curl", "-sS", "-w", "%{http_code}", "--unix-socket", Self.socket, "http://localhost\(path)"], as: user)
  }

  func credential(_ role: String, as user: String? = nil) throws -> Credential {
    let answer = try request("/v1/roles/\(role)/credentials", as: user)
    guard answer.output.hasSuffix("200") else { throw BoxError(attempt: "read", said: answer.output + answer.errors) }
    return Credential(document: answer.output)
  }

  /// The generation of what readers of a role get; empty when they get nothing.
  func generation(of role: String) throws -> String {
    try box.run(
      [
        "curl", "-sS", "-o", "/dev/null", "-w", "%header{rolekeeper-generation}", "--unix-socket", Self.socket,
        "http://localhost/v1/roles/\(role)/credentials",
      ]
    ).output
  }
}

/// The texts of a credential document.
struct Credential: Equatable {
  let keyID: String
  let secret: String
  let token: String

  init(document: String) {
    keyID = Self.text(of: "AccessKeyId", in: document)
    secret = Self.text(of: "AccessKeySecret", in: document)
    token = Self.text(of: "SecurityToken", in: document)
  }

  /// A string member of one line of JSON; empty when there is none.
  private static func text(of name: String, in document: String) -> String {
    let key = "\"\(name)\":\""
    var rest = document[...]
    while !rest.isEmpty, !rest.hasPrefix(key) { rest = rest.dropFirst() }
    return String(rest.dropFirst(key.count).prefix { $0 != "\"" })
  }
}

/// Asks again and again until the answer is yes; only for what nobody announces.
func eventually(within limit: Duration = .seconds(20), _ holds: () throws -> Bool) rethrows -> Bool {
  let end = ContinuousClock.now + limit
  while ContinuousClock.now < end { if try holds() { return true } }
  return try holds()
}
