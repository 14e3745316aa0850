import Glibc
import Testing

@testable import LocalClient

@Suite struct ConnectPermissionTests {
  private func remedy(
    mode: mode_t = 0o660, name: String = "rolekeeper-clients", isOurs: Bool = false, namesUser: Bool = false
  ) -> String {
    ConnectPermission.remedy(
      mode: S_IFSOCK | mode, owner: "root",
      group: ConnectPermission.Group(name: name, isOurs: isOurs, namesUser: namesUser), user: "alice")
  }

  @Test func `who isn't in the socket's group gets the command that changes it`() {
    #expect(remedy().contains("sudo usermod -aG rolekeeper-clients alice"))
  }

  /// It said `usermod -aG docker alice`, which makes alice root.
  @Test(arguments: ["root", "docker", "wheel", "adm", "-G", "2000"])
  func `nobody is sent into a group that may do more than connect`(_ group: String) {
    #expect(!remedy(name: group).contains("usermod") && remedy(name: group).contains("'\(group)'"))
  }

  @Test func `who was made a member since login has to log in again, and no command`() {
    #expect(remedy(namesUser: true).contains("log in again") && !remedy(namesUser: true).contains("usermod"))
  }

  @Test func `no membership is recommended where it wouldn't help`() {
    #expect(remedy(mode: 0o600) == "its mode lets only its owner 'root' connect")
    #expect(!remedy(isOurs: true).contains("usermod"))
  }
}
