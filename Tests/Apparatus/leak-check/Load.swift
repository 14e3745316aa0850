import Glibc
import Laboratory
import TestSupport

/// A daemon with a thousand roles, each due every second, and all that may leave something behind: readers who come, stay,
/// wait, subscribe and vanish, files, reloads good and bad, roles that come and go, calls that fail in every way.
final class Load {
  static let roleCount = 1000
  private static let rolesWithFiles = 50
  /// Few, so that each has met every error before memory is compared: a role counts its outcomes by their codes.
  private static let rolesWithFaults = 8
  private static let guest = "guest"

  private let lab: Lab
  private let stopFlag = StopFlag()
  private var readers: [Helper] = []
  private var chance: SeededGenerator
  private var turns = 0

  init(seed: UInt64) throws {
    chance = SeededGenerator(seed: seed)
    let names = (0..<Self.roleCount).map { "role\($0)" }
    var realm = RealmDraft(lifetime: nil, roles: names + [Self.guest])
    realm.requestsPerSecond = 100_000
    lab = try Lab(realm, wrapper: Interruption.wrapper) { draft in
      draft.sts = "requests_per_second = 10000\nburst = 1000\ntimeout = \"3s\""
      draft.level = "error"
      // Readers here come faster than they are noticed to have gone; none of them may keep the check itself out.
      draft.socket += "\nmax_connections_per_uid = 512"
      draft.roles = names.map { SettingsDraft.Role($0) }
      for index in draft.roles.indices {
        draft.roles[index].times += "\npool = 2\nrefresh_after = \"2s\""
        guard index < Self.rolesWithFiles else { continue }
        draft.roles[index].files =
          SettingsDraft.Role.file("credentials.json") + "\n[[roles.\(names[index]).files]]\n"
          + SettingsDraft.Role.file("credentials.env", "format = \"env\"")
      }
    }
    // By default malloc(3) learns to keep what large buffers leave, some 2 MiB more or less: with fixed thresholds it gives them back.
    let thresholds = ["MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_TRIM_THRESHOLD_": "131072"]
    try lab.launch(wrapper: Interruption.wrapper, environment: thresholds).awaitReady()
    let socketPath = lab.draft.socketPath
    readers = try Visit.allCases.enumerated().map { number, visit in
      let chance = SeededGenerator(seed: seed &+ UInt64(number) &+ 1)
      return try Helper { [stopFlag] in visit.repeat(at: socketPath, until: stopFlag, chance) }
    }
  }

  var daemon: DaemonProcess { lab.daemon }

  func stop() {
    stopFlag.raise()
    // Those who wait for an event wait for its end.
    lab.daemon.child.stop()
    for reader in readers { reader.join() }
  }

  /// One step of what a host's administrators and STS do.
  func stir() throws {
    turns += 1
    // Each throttle halves the rate of the whole daemon, which it regains within minutes.
    let kinds = FaultKind.all.filter { $0.isPerRole && ($0.isThrottle ? turns % 200 == 0 : true) }
    for _ in 0..<3 {
      let kind = kinds.randomElement(using: &chance)!
      try lab.emulator.fault(
        "\(kind.parameters)&count=2&action=AssumeRole",
        role: "role\(Int.random(in: 0..<Self.rolesWithFaults, using: &chance))")
    }
    // Those whose waits are long are fixed by a person.
    for index in 0..<Self.rolesWithFaults { try expect(202, of: daemon.post("/v1/roles/role\(index)/refresh")) }
    if turns % 4 == 0 { try reload(turns % 8 == 0) }
  }

  /// Settings with a guest among the roles, then without it, then with a mistake.
  private func reload(_ hasGuest: Bool) throws {
    lab.draft.roles.removeAll { $0.name == Self.guest }
    if hasGuest {
      lab.draft.roles.append(
        SettingsDraft.Role(Self.guest, files: SettingsDraft.Role.file("credentials.json")))
    }
    try lab.writeSettings()
    try expect(200, of: daemon.post("/v1/reload"))
    try lab.directory.write(lab.draft.text + "\nnonsense = ", to: "rolekeeper.toml")
    try expect(422, of: daemon.post("/v1/reload"))
    try lab.writeSettings()
    daemon.notify.drain()
  }

  private func expect(_ status: Int, of reply: HTTPReply) throws {
    guard reply.status == status else { throw NoCredential(reply: reply) }
  }
}
