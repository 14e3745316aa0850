import CLinux
import Core
import Glibc
import Secrets

/// The environment of a command: this process's own, without what another source of credentials would be read from, and with more
/// variables. The memory of these is wiped when the value is released.
final class ChildEnvironment {
  /// Variables that would win over a credential in `format` or belong to another one.
  static func leftovers(for format: CredentialFormat) -> [String] {
    switch format {
    case .aws, .awsProcess, .awsContainer: usual + ofAWS
    case .json, .env, .envFile, .odps, .ossutil, .aliyunCLI: usual
    }
  }

  /// What SDKs look for before or instead of the loopback URI.
  static var leftoversBesideURI: [String] { usual + ofAWS + besideURI }

  /// The other sources of Alibaba's SDKs (alibabacloud_credentials 1.0.12) and the settings of AWS's container provider, which
  /// would be sent along or win, and those that the command gets with other values.
  private static let besideURI = [
    "ALIBABA_CLOUD_ROLE_ARN", "ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "ALIBABA_CLOUD_OIDC_TOKEN_FILE",
    "ALIBABA_CLOUD_ECS_METADATA", "ALIBABA_CLOUD_ECS_METADATA_DISABLED", "ALIBABA_CLOUD_CLI_PROFILE_DISABLED",
    "ALIBABA_CLOUD_CREDENTIALS_FILE", "ALICLOUD_ASSUME_ROLE_ARN", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE",
    "AWS_EC2_METADATA_DISABLED", "BOTO_CONFIG", "MINIO_SHARED_CREDENTIALS_FILE", "ALIBABA_CLOUD_IGNORE_PROFILE",
    "ALIBABACLOUD_IGNORE_PROFILE",
  ]

  /// What AWS tools look for before the files and programs that a profile names (botocore's credentials.py), in their present and
  /// former names, and the profile itself. MinIO's variables come before the file with restic (its internal/backend/s3/s3.go).
  private static let ofAWS = [
    "AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN", "AWS_CREDENTIAL_EXPIRATION", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CREDENTIAL_FILE", "MINIO_ROOT_USER",
    "MINIO_ROOT_PASSWORD", "MINIO_ACCESS_KEY", "MINIO_SECRET_KEY",
  ]

  /// Of the SDKs and the command line in their three spellings, of the old SDK core, OSS's tools and both ossfs, MaxCompute's SDK,
  /// Terraform's provider, and our own.
  private static let usual: [String] =
    ["ALIBABA_CLOUD", "ALIBABACLOUD", "ALICLOUD"].flatMap { vendor in
      ["ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SECURITY_TOKEN", "PROFILE", "CREDENTIALS_URI"].map { "\(vendor)_\($0)" }
    } + [
      "ALICLOUD_ACCESS_KEY", "ALICLOUD_SECRET_KEY", "ALIYUN_ACCESS_KEY_ID", "ALIYUN_ACCESS_KEY_SECRET",
      "OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET", "OSS_SESSION_TOKEN", "OSSACCESSKEYID", "OSSSECRETACCESSKEY",
      "OSSSESSIONTOKEN", "ODPS_STS_ACCESS_KEY_ID", "ODPS_STS_ACCESS_KEY_SECRET", "ODPS_STS_TOKEN",
      "ODPS_STS_ACCOUNT_FILE", "ROLEKEEPER_EXPIRATION", "ROLEKEEPER_ROLE", "ROLEKEEPER_SCOPE",
      "ROLEKEEPER_GENERATION", "ROLEKEEPER_CREDENTIALS_FILE",
    ]

  /// For execve(2), ended by nil; valid as long as this object.
  private(set) var entries: [UnsafeMutablePointer<CChar>?]
  private let memory: UnsafeMutablePointer<UInt8>
  private let size: Int

  /// `lines` are `NAME=value` or `NAME='value'`, one per line; what has neither form is left out. `variables` aren't secret.
  init(lines: Secret? = nil, variables: [(name: String, value: String)], without dropped: [String]) {
    // One NUL per line and variable, and no entry is longer than its line.
    let room = (lines?.count ?? 0) + 1 + variables.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 2 }
    let block = SecretMemory.allocate(room)
    var added: [UnsafeMutablePointer<CChar>?] = []
    var place = 0
    func add(_ bytes: some Sequence<UInt8>) {
      added.append(UnsafeMutableRawPointer(block + place).assumingMemoryBound(to: CChar.self))
      for byte in bytes {
        block[place] = byte
        place += 1
      }
      block[place] = 0
      place += 1
    }
    for (name, value) in variables { add("\(name)=\(value)".utf8) }
    lines?.withBytes { bytes in
      bytes.withUnsafeBufferPointer { text in Self.forEachVariable(text) { add($0) } }
    }
    (memory, size) = (block, room)
    entries = Self.inherited(without: dropped) + added + [nil]
  }

  /// Calls `body` with `NAME=value` for each line that is a variable.
  private static func forEachVariable(
    _ text: UnsafeBufferPointer<UInt8>, _ body: (FlattenSequence<[Slice<UnsafeBufferPointer<UInt8>>]>) -> Void
  ) {
    for line in text.split(separator: UInt8(ascii: "\n")) {
      guard let equals = line.firstIndex(of: UInt8(ascii: "=")), !line[..<equals].contains(UInt8(ascii: " ")) else {
        continue
      }
      let value = line[(equals + 1)...]
      let isQuoted = value.count >= 2 && value.first == UInt8(ascii: "'") && value.last == UInt8(ascii: "'")
      body([line[...equals], isQuoted ? value.dropFirst().dropLast() : value].joined())
    }
  }

  private static func inherited(without dropped: [String]) -> [UnsafeMutablePointer<CChar>?] {
    var kept: [UnsafeMutablePointer<CChar>?] = []
    guard var next = clinux_environment() else { return [] }
    while let entry = next.pointee {
      if !dropped.contains(where: { Self.isVariable(entry, $0) }) { kept.append(entry) }
      next += 1
    }
    return kept
  }

  private static func isVariable(_ entry: UnsafeMutablePointer<CChar>, _ name: String) -> Bool {
    let count = name.utf8.count
    return strncmp(entry, name, count) == 0 && entry[count] == CChar(UInt8(ascii: "="))
  }

  deinit { SecretMemory.deallocate(memory, size) }
}
