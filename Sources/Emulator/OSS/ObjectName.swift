/// An object's place: a bucket and a key in it.
package struct ObjectName: Hashable, Sendable {
  package let bucket: String
  package let key: String

  package init(bucket: String, key: String) {
    self.bucket = bucket
    self.key = key
  }

  /// 3 to 63 small letters, digits and hyphens, no hyphen at the ends (OSS, "Bucket naming conventions").
  var hasValidBucket: Bool {
    let name = bucket.utf8
    func isInner(_ byte: UInt8) -> Bool {
      RoleReference.isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || byte == UInt8(ascii: "-")
    }
    return (3...63).contains(name.count) && name.allSatisfy(isInner) && name.first != UInt8(ascii: "-")
      && name.last != UInt8(ascii: "-")
  }

  /// 1 to 1023 bytes that don't begin with a slash or backslash (OSS, "Object naming conventions").
  ///
  /// Since objects are files here, in addition: no empty, `.` or `..` component between slashes, none of more than 255 bytes, no
  /// NUL.
  var hasValidKey: Bool {
    guard (1...1023).contains(key.utf8.count), key.utf8.first != UInt8(ascii: "\\"), !key.utf8.contains(0) else {
      return false
    }
    return steps.allSatisfy { step in
      (1...255).contains(step.utf8.count) && !step.utf8.elementsEqual(".".utf8) && !step.utf8.elementsEqual("..".utf8)
    }
  }

  /// The components of the key between its slashes.
  var steps: [String] {
    key.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map { String(Substring($0)) }
  }
}
