/// The emulated OSS's behaviour where the service differs by account, or where it isn't known.
package struct OSSSettings: Sendable, Equatable {
  /// How a request with an expired credential is refused: the service has been seen to use both codes.
  package enum ExpiredCode: String, Sendable, CaseIterable {
    case securityTokenExpired = "SecurityTokenExpired"
    case invalidAccessKeyId = "InvalidAccessKeyId"
  }

  package enum ETag: String, Sendable, CaseIterable {
    /// The MD5 of the bytes, as the service computes it.
    case md5
    /// A digest of CRC and size in the same form, which costs almost nothing: for benchmarks.
    case crc
  }

  /// Accept V1 signatures, which the service accepts only for old accounts and buckets ("Guidelines for upgrading V1 signatures to
  /// V4").
  package var allowsV1 = false
  /// Whether a credential of VOD may list parts is (?).
  package var allowsListParts = false
  /// Whether a credential of VOD may abort an upload is (?).
  package var allowsAbort = false
  package var expiredCode = ExpiredCode.securityTokenExpired
  package var etag = ETag.md5
  /// The region of the buckets. Read at the emulator's start.
  package var region = "cn-shanghai"

  package init() {}
}

extension OSSSettings {
  /// Reads `[oss]`.
  init(_ table: TOMLTable) throws(AccountModelError) {
    self.init()
    try table.allow(["allow_v1", "allow_list_parts", "allow_abort", "expired_code", "etag", "region"])
    allowsV1 = try table.boolean("allow_v1") ?? allowsV1
    allowsListParts = try table.boolean("allow_list_parts") ?? allowsListParts
    allowsAbort = try table.boolean("allow_abort") ?? allowsAbort
    expiredCode = try table.word("expired_code") ?? expiredCode
    etag = try table.word("etag") ?? etag
    region = try table.string("region") ?? region
  }
}
