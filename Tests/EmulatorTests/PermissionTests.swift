import Testing

@testable import Emulator

/// Who may assume which role: the caller's policies and the role's trust policy must both allow it.
@Suite struct PermissionTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let key: String
    let role: String
    var externalID: String?
    let expect: Refusal?

    var testDescription: String { name }
  }

  @Test(arguments: [
    Case(name: "a user of a trusted account", key: "keeper", role: "uploader", expect: nil),
    Case(name: "a user that is trusted by name", key: "keeper", role: "long", expect: nil),
    Case(name: "an account itself", key: "root", role: "uploader", expect: .rootMayNotAssume),
    Case(name: "a user without the permission", key: "idle", role: "uploader", expect: .notAuthorized),
    Case(name: "a user whom a Deny stops", key: "keeper", role: "vault", expect: .notAuthorized),
    Case(name: "a role that trusts somebody else", key: "keeper", role: "chained", expect: .roleDoesNotTrust),
    Case(name: "a user of an account that isn't trusted", key: "other", role: "uploader", expect: .roleDoesNotTrust),
    Case(name: "the agreed external id", key: "keeper", role: "partner", externalID: "agreed", expect: nil),
    Case(name: "another external id", key: "keeper", role: "partner", externalID: "guess", expect: .roleDoesNotTrust),
    Case(name: "no external id", key: "keeper", role: "partner", expect: .roleDoesNotTrust),
  ])
  func `caller and role must agree`(_ row: Case) throws {
    var cloud = try TestCloud()
    let keys = ["keeper": Key.keeper, "root": .root, "idle": .idle, "other": .other]
    var parameters = ["RoleArn": TestCloud.arn(row.role)]
    parameters["ExternalId"] = row.externalID
    let answer = cloud.send("AssumeRole", parameters, as: try #require(keys[row.key]))
    #expect(answer.code == row.expect?.code ?? "")
    #expect(answer.message == row.expect?.message ?? "")
    #expect(answer.status == row.expect?.status ?? 200)
  }

  @Test func `a role may assume another that trusts it`() throws {
    var cloud = try TestCloud()
    let long = try cloud.assume("long")
    let chained = try cloud.assume("chained", as: long)
    let identity = cloud.send("GetCallerIdentity", as: chained)
    #expect(identity.body?.text("Arn") == "acs:ram::1234567890123456:assumed-role/chained/session")
    #expect(cloud.send("AssumeRole", as: chained).code == "NoPermission")
  }

  @Test func `a session policy narrows the role's permissions`() throws {
    var cloud = try TestCloud()
    let narrow = try cloud.assume("long", ["Policy": AssumeRoleTests.policy])
    #expect(cloud.send("GetCallerIdentity", as: narrow).status == 200)
    #expect(cloud.send("AssumeRole", ["RoleArn": TestCloud.arn("chained")], as: narrow).code == "NoPermission")
  }

  @Test func `a session policy doesn't extend the role's permissions`() throws {
    var cloud = try TestCloud()
    let everything = #"{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#
    let wide = try cloud.assume("uploader", ["Policy": everything])
    #expect(cloud.send("AssumeRole", as: wide).code == "NoPermission")
    let caller = Caller.session(
      RoleSession(
        keyID: "STS.x", account: TestCloud.account, role: "uploader", name: "s", expires: cloud.now, policy: everything)
    )
    let upload = AccessQuestion(action: "vod:CreateUploadVideo", resource: "*")
    let delete = AccessQuestion(action: "oss:DeleteBucket", resource: "*")
    #expect(cloud.service.model.decision(for: caller, on: upload) == .allowed)
    #expect(cloud.service.model.decision(for: caller, on: delete) == .notAllowed)
  }

  @Test func `GetCallerIdentity needs no permission`() throws {
    var cloud = try TestCloud()
    let idle = cloud.send("GetCallerIdentity", as: .idle).body
    #expect(idle?.text("IdentityType") == "RAMUser")
    #expect(idle?.text("Arn") == "acs:ram::1234567890123456:user/idle")
    #expect(idle?.text("UserId") == idle?.text("PrincipalId"))
    let root = cloud.send("GetCallerIdentity", as: .root).body
    #expect(root?.text("IdentityType") == "Account")
    #expect(root?.text("Arn") == "acs:ram::1234567890123456:root")
    #expect(root?.text("UserId") == TestCloud.account)
    let session = try cloud.assume()
    let role = cloud.send("GetCallerIdentity", as: session).body
    #expect(role?.text("IdentityType") == "AssumedRoleUser")
    #expect(role?.text("PrincipalId") == "\(role?.text("RoleId") ?? ""):session")
    #expect(role?["UserId"] == nil)
  }

  @Test func `a deleted role's sessions may do nothing`() throws {
    var cloud = try TestCloud()
    let long = try cloud.assume("long")
    var model = AccountModel()
    model.add(Account(id: TestCloud.account))
    cloud.service.model = model
    #expect(cloud.send("AssumeRole", ["RoleArn": TestCloud.arn("chained")], as: long).code == "NoPermission")
    #expect(cloud.send("GetCallerIdentity", as: .keeper).code == "InvalidAccessKeyId.NotFound")
  }
}
