import Core
import Testing

@testable import CredentialServer

/// Identification of the requesting unit by systemd's address and the kernel's control groups.
@Suite struct UnitAddressTests {
  private static func address(_ text: String) -> UnitAddress? { UnitAddress([0] + Array(text.utf8)) }

  @Test(arguments: ["d58860a1684a9424", "58860a1684a942", "0", "F"])
  func `systemd's address names the unit and the credential, whatever the length of its number`(_ number: String) throws
  {
    let address = try #require(Self.address("\(number)/unit/inst@a-b\\x2dc.service/uploader.env"))
    #expect(address.unit.description == "inst@a-b\\x2dc.service" && address.credential == "uploader.env")
  }

  @Test(
    arguments: [
      "", "/", "app.service/token", "1/app.service", "/unit/app.service/token", "1g/unit/app.service/token",
      "12345678901234567/unit/app.service/token", "1/unit/app.service/", "1/unit//token", "1/unit/app.timer/token",
      "1/unit/app/token", "1/unit/.service/token", "1/unit/app.service/to\nken", "1/unit/a b.service/token",
      "1/unit/app.service/tokén", "1/unit/app.service/to:ken",
      "1/unit/\(String(repeating: "a", count: 250)).service/token",
    ])
  func `an address of another form names no unit`(_ text: String) { #expect(Self.address(text) == nil) }

  @Test func `a path of the same form isn't systemd's address`() {
    #expect(UnitAddress(Array("1/unit/app.service/token".utf8)) == nil && UnitAddress([]) == nil)
  }

  @Test func `an ID names a role, or a role and a format`() {
    #expect(
      RequestedCredential("uploader").map { [$0.role.description, $0.format?.rawValue] } == ["uploader", "json"])
    #expect(RequestedCredential("uploader.template").map { $0.format == nil } == true)
    #expect(RequestedCredential("uploader.json")?.format == .json && RequestedCredential("up_1-x.env")?.format == .env)
    for wrong in ["", ".", ".env", "uploader.", "uploader.xml", "uploader.env.env", "Uploader", "a b", "uploader.ENV"] {
      #expect(RequestedCredential(wrong) == nil, "\(wrong)")
    }
  }
}
