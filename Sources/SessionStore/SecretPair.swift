import Secrets

/// An AccessKeySecret and its SecurityToken somewhere in one block of locked memory.
struct SecretPair {
  private let block: Secret
  // STS's answers have 64 KiB at most, and a document has the token twice.
  private let secretStart: UInt32
  private let secretEnd: UInt32
  private let tokenStart: UInt32
  private let tokenEnd: UInt32

  /// Copies both into a block of their own, one after the other.
  init(packing accessKeySecret: Secret, _ securityToken: Secret) {
    var buffer = SecretBuffer(capacity: accessKeySecret.count + securityToken.count)
    buffer.append(accessKeySecret)
    buffer.append(securityToken)
    let end = buffer.count
    self.init(
      in: buffer.finish(), accessKeySecretAt: 0..<accessKeySecret.count, securityTokenAt: accessKeySecret.count..<end)
  }

  init(in block: Secret, accessKeySecretAt secret: Range<Int>, securityTokenAt token: Range<Int>) {
    self.block = block
    secretStart = UInt32(secret.lowerBound)
    secretEnd = UInt32(secret.upperBound)
    tokenStart = UInt32(token.lowerBound)
    tokenEnd = UInt32(token.upperBound)
  }

  /// Whether the block holds nothing else.
  var isPacked: Bool { block.count == Int(secretEnd - secretStart + tokenEnd - tokenStart) }

  func packed() -> SecretPair {
    let (secret, token) = (Int(secretStart)..<Int(secretEnd), Int(tokenStart)..<Int(tokenEnd))
    var buffer = SecretBuffer(capacity: secret.count + token.count)
    block.withBytes { bytes in
      buffer.append(bytes.extracting(secret))
      buffer.append(bytes.extracting(token))
    }
    let end = buffer.count
    return SecretPair(
      in: buffer.finish(), accessKeySecretAt: 0..<secret.count, securityTokenAt: secret.count..<end)
  }

  var accessKeySecret: Secret { copy(secretStart, secretEnd) }
  var securityToken: Secret { copy(tokenStart, tokenEnd) }

  private func copy(_ start: UInt32, _ end: UInt32) -> Secret {
    block.withBytes { Secret(copying: $0.extracting(Int(start)..<Int(end))) }
  }
}
