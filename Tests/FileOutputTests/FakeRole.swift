import Core
import Secrets
import TestSupport
import Wire

@testable import FileOutput
@testable import Settings

/// A session as outputs see it, whose content is only its AccessKeyId.
final class FakeCredential: OutputCredential {
  let session: Session
  let generation: UInt64?
  let lapses: Timestamp
  /// The formats that can't hold it.
  var unfit: Set<OutputFormat> = []
  private let text: Secret

  init(_ session: Session, generation: UInt64?, timing: RoleTiming) {
    self.session = session
    self.generation = generation
    lapses = session.expires - timing.lapseMargin
    text = secret("{\"AccessKeyId\":\"\(session.accessKeyID)\"}")
  }

  func rendered(as format: OutputFormat, for role: RoleName) throws(FormatError) -> Secret {
    if unfit.contains(format) { throw .needsQuotes(.securityToken, in: "format 'env-file'") }
    return text
  }
}

/// A role as the outputs see it: its settings, and a series of sessions.
final class FakeRole {
  let settings: RoleSettings
  private let scheduler: VirtualScheduler
  private(set) var current: FakeCredential!
  private(set) var generation: UInt64 = 0

  var name: RoleName { settings.name }
  var clock: ServerClock {
    ServerClock(wallMicroseconds: scheduler.wallMicroseconds, at: scheduler.time)
  }

  init(_ settings: RoleSettings, _ scheduler: VirtualScheduler) {
    self.settings = settings
    self.scheduler = scheduler
    issue()
  }

  /// Switches to the next session; returns the one before.
  @discardableResult
  func issue(for life: Duration = .hours(1)) -> Session? {
    let before = current?.session
    generation += 1
    let now = clock.now(at: scheduler.time)
    let session = Session(
      id: SessionID(number: generation), accessKeyID: "STS.\(name).\(generation)",
      expiration: UTCTime(seconds: now.seconds + life.wholeSeconds), issued: now,
      sent: scheduler.time, asked: life,
      clock: clock)
    current = FakeCredential(session, generation: generation, timing: settings.timing)
    return before
  }
}

extension RoleSettings {
  /// A role with nothing but a name.
  static func named(_ name: String) -> RoleSettings {
    RoleSettings(
      name: RoleName(name)!, arn: RoleARN("acs:ram::1:role/\(name)")!,
      timing: RoleTiming(maxDuration: .hours(12)),
      sessionName: .standard, policy: nil, externalID: nil, source: "main", readers: AccessRule(),
      outputs: [])
  }
}

extension SettingsInForce {
  /// Settings whose roles' files are in `directory`.
  convenience init(
    filesIn directory: String, _ roles: [RoleSettings] = [],
    _ inventory: SettingsInventory = SettingsInventory()
  ) {
    self.init(
      DaemonSettings(
        sources: [],
        sts: STSSettings(
          endpoint: Endpoint("sts.example.com")!, fallbackEndpoints: [], proxy: nil, caFile: nil,
          connectTimeout: .seconds(2), timeout: .seconds(10), lookupTimeout: .seconds(2),
          requestsPerSecond: 2,
          burst: 20),
        socket: SocketSettings(
          path: "/run/rolekeeper/rolekeeper.sock", mode: 0o660, gid: nil, maxConnections: 64,
          maxConnectionsPerUID: 8),
        filesDirectory: directory, admins: AccessRule(), logLevel: .notice, roles: roles,
        inventory: inventory))
  }

  /// Changes the settings as a reload does.
  func change(
    to roles: [RoleSettings], _ inventory: SettingsInventory = SettingsInventory(),
    filesIn directory: String? = nil
  ) {
    var new = whole
    new.roles = roles
    new.inventory = inventory
    new.filesDirectory = directory ?? new.filesDirectory
    replace(by: new)
  }
}

/// What a start and a reload do with the settings that they put in force.
extension Outputs {
  func publish(_ role: FakeRole) { publish(role.current, of: role.name) }

  func removeFormerDirectories(
    keeping roles: [RoleSettings], _ inventory: SettingsInventory, recorded: [RecordedDirectory]
  )
    throws
  {
    settings.change(to: roles, inventory)
    try removeFormerDirectories(recorded: recorded)
  }

  func takeOver(
    _ recorded: [RecordedOutput], from roles: [RoleSettings], _ inventory: SettingsInventory
  ) {
    settings.change(to: roles, inventory)
    takeOver(recorded)
  }

  func rolesChanged(
    to roles: [RoleSettings], _ inventory: SettingsInventory = SettingsInventory(),
    allowsRemoval: Bool = false
  ) {
    settings.change(to: roles, inventory)
    rolesChanged(allowsRemoval: allowsRemoval)
  }

  func move(to directory: String) {
    settings.change(to: settings.roles, settings.inventory, filesIn: directory)
    move()
  }
}
