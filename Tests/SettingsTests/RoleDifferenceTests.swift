import Core
import Testing

@testable import Settings

@Suite struct RoleDifferenceTests {
  private static let role = RoleSettings(
    name: RoleName("uploader")!, arn: RoleARN("acs:ram::1234567890123456:role/uploader")!, timing: RoleTiming(),
    sessionName: .standard, policy: nil, externalID: nil, source: "main", readers: AccessRule(uids: [1007]),
    outputs: [])

  /// The names of a type's properties; those of wrapped ones begin with an underscore.
  private static func properties(of value: some Any) -> Set<String> {
    Set(Mirror(reflecting: value).children.compactMap { $0.label.map { String($0.drop { $0 == "_" }) } })
  }

  @Test func `for every setting of a role, the consequences of a change are defined`() {
    let own = Self.properties(of: Self.role).subtracting(["timing"])
    let decided = Set(RoleDifference.Setting.allCases.map(\.rawValue))
    #expect(own.union(Self.properties(of: Self.role.timing)) == decided)
  }

  struct Case: CustomTestStringConvertible, Sendable {
    let setting: RoleDifference.Setting
    let consequences: RoleDifference.Consequences
    let change: @Sendable (inout RoleSettings) -> Void

    init(
      _ setting: RoleDifference.Setting, _ consequences: RoleDifference.Consequences,
      _ change: @escaping @Sendable (inout RoleSettings) -> Void
    ) {
      self.setting = setting
      self.consequences = consequences
      self.change = change
    }

    var testDescription: String { setting.rawValue }
  }

  private static let cases = [
    Case(.name, .endsSessions) { $0.name = RoleName("other")! },
    Case(.arn, .endsSessions) { $0.arn = RoleARN("acs:ram::1234567890123456:role/other")! },
    Case(.sessionName, .changesRequest) { $0.sessionName = try! SessionNameTemplate("{role}-{slot}") },
    Case(.policy, .endsSessions) { $0.policy = Array("{}".utf8) },
    Case(.externalID, .changesRequest) { $0.externalID = "x1" },
    Case(.source, .changesRequest) { $0.source = "other" },
    Case(.tier, .changesRequest) { $0.tier = TierRole() },
    Case(.isRequired, .changesStart) { $0.isRequired = true },
    Case(.readers, .changesAccess) { $0.readers = AccessRule(gids: [1007]) },
    Case(.outputs, .changesOutputs) {
      $0.outputs = [
        OutputSettings(location: .roleDirectory(name: "a"), format: .known(.env), uid: 0, gid: 0, mode: 0o400)
      ]
    },
    Case(.refreshUnits, []) { $0.refreshUnits = [UnitPattern("encode@*.service")!] },
    Case(.derivation, .changesDerivation) { $0.derivation = Derivation(DerivedSettings(users: UserSessions())) },
    Case(.duration, [.changesRequest, .changesTiming]) { $0.timing.duration = .hours(2) },
    Case(.maxDuration, .changesTiming) { $0.timing.maxDuration = .hours(2) },
    Case(.pool, .changesTiming) { $0.timing.pool = 3 },
    Case(.refreshAfter, .changesTiming) { $0.timing.refreshAfter = .minutes(20) },
    Case(.floor, .changesTiming) { $0.timing.floor = .minutes(10) },
    Case(.surviveOutage, .changesTiming) { $0.timing.surviveOutage = .minutes(10) },
    Case(.lapseMargin, .changesTiming) { $0.timing.lapseMargin = .seconds(30) },
    Case(.isOfTier, .changesTiming) { $0.timing.isOfTier = true },
  ]

  @Test(arguments: cases)
  func `a change of one setting is found, with its consequences`(_ row: Case) {
    var changed = Self.role
    row.change(&changed)
    let difference = changed.difference(from: Self.role)
    #expect(difference.changed == [row.setting])
    #expect(difference.consequences == row.consequences)
    #expect(changed.keepsSessions(of: Self.role) == !row.consequences.contains(.endsSessions))
  }

  @Test func `each setting has its row in the table`() {
    #expect(Set(Self.cases.map(\.setting)) == Set(RoleDifference.Setting.allCases))
  }

  @Test func `several changes have the consequences of each`() {
    var changed = Self.role
    changed.externalID = "x1"
    changed.readers = AccessRule()
    changed.timing.pool = 1
    let difference = changed.difference(from: Self.role)
    #expect(difference.changed == [.externalID, .readers, .pool])
    #expect(difference.consequences == [.changesRequest, .changesAccess, .changesTiming])
  }

  @Test func `no change has no consequences`() {
    let difference = Self.role.difference(from: Self.role)
    #expect(difference.changed.isEmpty && difference.consequences.isEmpty)
  }
}
