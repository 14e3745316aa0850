import Core
import Testing

/// Users' names in RoleSessionName and SourceIdentity.
@Suite struct UserLabelTests {
  @Test(arguments: [
    ("anna", "anna"), ("anna.b-c_d@corp.example", "anna.b-c_d@corp.example"),
    ("anna@encode", "anna-encode-u1007"), ("a@b c", "a-b-c-u1007"), ("jörg", "j-rg-u1007"), ("a b", "a-b-u1007"),
    ("a", "a-u1007"), ("u1007", "u1007-u1007"), ("u5", "u5-u1007"), ("x-u5", "x-u5-u1007"), ("xu5", "xu5"),
    ("12", "12-u1007"), ("acs:ram", "acs-ram-u1007"),
    (String(repeating: "n", count: 32), String(repeating: "n", count: 32)),
    (String(repeating: "n", count: 33), String(repeating: "n", count: 26) + "-u1007"),
  ])
  func `a name is taken as it is, or is cleaned and ends in the uid`(_ name: String, _ label: String) {
    #expect(UserLabel(uid: 1007, name: name).text == label)
  }

  @Test func `a user without a name is called by its number`() {
    #expect(UserLabel(uid: 1007, name: nil).text == "u1007" && UserLabel(uid: 0, name: "").text == "u0")
  }

  @Test func `no two users have the same label, however short it has to be`() {
    let names = [nil, "", "a", "anna", "u1", "u2", "u3", "a-u1", "a-u2", "a-u3", "é-u1", "1", "2", "a b", "a-b"]
    for room in [UserLabel.leastRoom, 14, 20, 64] {
      var owners: [String: UInt32] = [:]
      // A name belongs to one user.
      for (place, name) in names.enumerated() {
        for uid in UInt32(place * 3)..<UInt32(place * 3 + (name == nil ? 3 : 1)) {
          let label = UserLabel(uid: uid, name: name).shortened(to: room)
          #expect(owners.updateValue(uid, forKey: label) == nil, "\(label)")
          #expect((2...max(room, 32)).contains(label.utf8.count) && !label.allSatisfy(\.isNumber))
        }
      }
    }
  }

  @Test func `a label is shortened to what there is room for, with the uid at its end`() {
    let label = UserLabel(uid: 4_294_967_294, name: "a-rather-long-name")
    #expect(label.shortened(to: 18) == "a-rather-long-name")
    #expect(label.shortened(to: 17) == "a-rat-u4294967294")
    #expect(label.shortened(to: UserLabel.leastRoom) == "u4294967294")
    #expect(UserLabel(uid: 7, name: "anna").withNumber.text == "anna-u7")
  }
}
