package import Secrets

/// A made-up secret.
package func secret(_ text: String) -> Secret { Secret(copying: Array(text.utf8).span) }

extension Secret {
  /// For comparisons in tests, where the secret is made up.
  package var text: String {
    withBytes { bytes in String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self) }
  }
}
