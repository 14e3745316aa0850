package import Core

/// The unit and the credential ID in the address from which systemd connects.
///
/// The address is abstract, `NUL HEX/unit/UNIT/ID`, for example `d58860a1684a9424/unit/encode@7.service/uploader.env`:
/// a random number without leading zeros, the unit's name, and the ID of its LoadCredential= (systemd.exec(5); seen
/// with 252 and 257). Anybody may bind such an address, so it is only trusted if the peer's uid is right, too.
package struct UnitAddress: Hashable, Sendable {
  package let unit: UnitName
  /// Printable ASCII, without `/` and `:`.
  package let credential: String

  /// `name` is the whole abstract address, including the NUL at its beginning; nil if it has another form.
  package init?(_ name: [UInt8]) {
    guard name.first == 0 else { return nil }
    let parts = name.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    // What comes between the number and the last two parts is reserved for systemd.
    guard parts.count >= 3, let number = parts.first, (1...16).contains(number.count), number.allSatisfy(\.isHexDigit)
    else { return nil }
    let credential = parts[parts.count - 1]
    guard let unit = UnitName(parts[parts.count - 2]), !credential.isEmpty,
      credential.allSatisfy({ $0.isPrintable && $0 != UInt8(ascii: ":") })
    else { return nil }
    self.unit = unit
    self.credential = String(decoding: credential, as: UTF8.self)
  }
}

/// A request for a credential, from a peer that may act for the unit.
package struct UnitRequest: Hashable, Sendable {
  /// The number of its connection.
  package let number: UInt64
  package let unit: UnitName
  package let credential: String
  /// The process of the service manager that asks in the unit's place, and its program; nil when that can't be seen.
  package let pid: Int32?
  package let program: String?

  package init(
    number: UInt64, unit: UnitName, credential: String, pid: Int32? = nil, program: String? = nil
  ) {
    self.number = number
    self.unit = unit
    self.credential = credential
    self.pid = pid
    self.program = program
  }
}
