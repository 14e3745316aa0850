internal import Core
internal import JSON
internal import Secrets

/// Collects a secret and notes whether all its bytes are valid credential text.
struct CredentialSink: ByteSink, ~Copyable {
  private var buffer: SecretBuffer
  private(set) var isCredentialText = true

  /// `count` is the expected number of bytes.
  init(count: Int) { buffer = SecretBuffer(capacity: count) }

  mutating func append(_ byte: UInt8) {
    isCredentialText = isCredentialText && byte.isCredentialText
    buffer.append(byte)
  }

  mutating func append(_ bytes: Span<UInt8>) {
    isCredentialText = isCredentialText && bytes.isCredentialText
    buffer.append(bytes)
  }

  consuming func finish() -> Secret { buffer.finish() }
}
