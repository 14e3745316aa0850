import Core
import Glibc
import TestSupport
import Testing

@testable import rolekeeper

/// What the command of `exec` finds in its environment.
@Suite(.serialized) struct ChildEnvironmentTests {
  private func entries(_ environment: ChildEnvironment) -> [String] {
    environment.entries.compactMap { $0.map { String(cString: $0) } }
  }

  @Test func `the lines of the format env become variables`() {
    let lines = secret(
      "ALIBABA_CLOUD_ACCESS_KEY_ID='STS.1'\nALIBABA_CLOUD_SECURITY_TOKEN='a=b=='\nexport A=B C\nexport D E\n")
    let environment = ChildEnvironment(lines: lines, variables: [("ROLEKEEPER_ROLE", "a")], without: [])
    let added = entries(environment).suffix(3)
    #expect(added == ["ROLEKEEPER_ROLE=a", "ALIBABA_CLOUD_ACCESS_KEY_ID=STS.1", "ALIBABA_CLOUD_SECURITY_TOKEN=a=b=="])
    #expect(environment.entries.last! == nil)
  }

  @Test func `leftovers are dropped by their whole names, and the rest stays`() {
    setenv("ALIYUN_ACCESS_KEY_ID", "old", 1)
    setenv("ALIYUN_ACCESS_KEY_ID_NOTE", "kept", 1)
    defer {
      unsetenv("ALIYUN_ACCESS_KEY_ID")
      unsetenv("ALIYUN_ACCESS_KEY_ID_NOTE")
    }
    let all = entries(ChildEnvironment(variables: [], without: ChildEnvironment.leftovers(for: .env)))
    #expect(!all.contains { $0.hasPrefix("ALIYUN_ACCESS_KEY_ID=") })
    #expect(all.contains("ALIYUN_ACCESS_KEY_ID_NOTE=kept"))
  }

  /// AWS tools took the keys of the environment, and never looked at the file.
  @Test(arguments: CredentialFormat.allCases)
  func `variables of AWS tools are dropped with their formats`(format: CredentialFormat) {
    let names = [
      "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_PROFILE",
      "AWS_DEFAULT_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE",
    ]
    let dropped = ChildEnvironment.leftovers(for: format)
    for name in names { #expect(dropped.contains(name) == format.rawValue.hasPrefix("aws")) }
    #expect(dropped.contains("ALIYUN_ACCESS_KEY_ID") && !dropped.contains("AWS_REGION"))
  }
}
