import Core
import Testing

@Suite struct NamesTests {
  @Test(arguments: ["a", "0", "vod-upload_2", String(repeating: "a", count: 32)])
  func `a role's name is short, lower-case and safe as a file name`(_ text: String) {
    #expect(RoleName(text)?.description == text)
  }

  @Test(arguments: ["", "-a", "_a", "A", "a.b", "a/b", "..", "ä", String(repeating: "a", count: 33)])
  func `any other role name is refused`(_ text: String) { #expect(RoleName(text) == nil) }

  @Test func `two transposed letters are one slip`() {
    #expect(Spelling.nearest(to: "gte", among: ["status", "get", "wait"]) == "get")
    #expect(Spelling.nearest(to: "satuts", among: ["status"]) == "status")
    #expect(Spelling.nearest(to: "proxy_password", among: ["proxy", "proxy_password_file"]) == "proxy_password_file")
    #expect(Spelling.nearest(to: "xyz", among: ["status", "get"]) == nil)
  }

  @Test func `a role ARN is parsed into account and role`() {
    let arn = RoleARN("acs:ram::1234567890123456:role/Ram.Test-upload")
    #expect(arn?.account == "1234567890123456")
    #expect(arn?.roleName == "Ram.Test-upload")
    #expect(arn?.description == "acs:ram::1234567890123456:role/Ram.Test-upload")
  }

  @Test(arguments: [
    "", "acs:ram::1:user/a", "acs:ram::role/a", "acs:ram::1:role/", "acs:ram:cn:1:role/a", "acs:ram::x:role/a",
    "acs:ram::1:role/a_b", "acs:ram::1:role/a/b", "ACS:ram::1:role/a", "arn:aws:iam::1:role/a",
  ])
  func `any other ARN is refused`(_ text: String) { #expect(RoleARN(text) == nil) }

  @Test(
    arguments: [
      ("acs:ram::1:role/a_b", .roleCharacter("_")), ("acs:ram::1:role/a/b", .roleCharacter("/")),
      ("acs:ram::12-34:role/a", .accountCharacter("-")), ("acs:ram::１:role/a", .foreign("１", place: 10)),
      ("acs:ram::1:role/a ", .foreign(" ", place: 18)), ("acs：ram::1:role/a", .foreign("：", place: 4)),
      ("acs:ram::1:role/", .roleLength(0)), ("acs:ram::1:user/a", .form), ("", .form), ("acs:ram:::role/a", .form),
      ("acs:ram::\(String(repeating: "1", count: 33)):role/a", .longAccount(33)),
      ("acs:ram::1:role/\(String(repeating: "a", count: 65))", .roleLength(65)),
    ] as [(String, RoleARN.Flaw)])
  func `an error about an ARN names the wrong character`(_ text: String, _ flaw: RoleARN.Flaw) {
    #expect(throws: flaw) { try RoleARN(parsing: text) }
  }

  @Test func `readers are allowed by user, by primary group and by supplementary group, nobody else`() {
    let policy = AccessPolicy(ownUID: 990, admins: AccessRule(gids: [4]))
    let rule = AccessRule(uids: [1007], gids: [50])
    func may(_ uid: UInt32, _ gid: UInt32, _ groups: [UInt32] = []) -> Bool {
      policy.mayRead(Peer(uid: uid, gid: gid, pid: 1, groups: groups), of: nil, role: rule)
    }
    #expect(may(1007, 1))
    #expect(may(1, 50))
    #expect(may(1, 1, [9, 50]))
    #expect(may(0, 0))
    #expect(may(990, 990))
    #expect(may(1, 1, [4]))
    #expect(!may(1, 1, [51]))
  }

  @Test func `the default timing keeps the floor through the outage budget`() {
    #expect(RoleTiming().outageCover == .seconds(1410))
    func keepsFloor(_ timing: RoleTiming) -> Bool {
      timing.outageCover >= timing.surviveOutage + RoleTiming.outageOverhead
    }
    #expect(keepsFloor(RoleTiming()))
    #expect(!keepsFloor(RoleTiming(surviveOutage: .minutes(23))))
    #expect(!keepsFloor(RoleTiming(duration: .minutes(15))))
  }
}
