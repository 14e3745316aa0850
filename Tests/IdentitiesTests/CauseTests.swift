import Testing

@testable import Identities

/// Messages name the cause that a person can do something about.
@Suite struct CauseTests {
  /// Nobody can write to a path in /run/credentials.
  @Test func `a bad credential is blamed on the file that systemd copied`() {
    let bad = AccessKeyUnusable(location: .credential("/run/credentials/rolekeeper.service/access-key"), why: "empty")
    #expect("\(bad)".contains("LoadCredential=") && "\(bad)".contains("/etc/rolekeeper/access-key"))
    #expect("\(AccessKeyUnusable(location: .file("/k"), why: "empty"))" == "AccessKey file '/k': empty")
  }
}
