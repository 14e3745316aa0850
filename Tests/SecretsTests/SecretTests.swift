import Secrets
import Testing

@Suite struct SecretTests {
  @Test func `a secret shows its bytes to a reader`() {
    let bytes = Array("LTAI5tExampleSecret".utf8)
    let secret = Secret(copying: bytes.span)
    #expect(secret.count == bytes.count)
    #expect(secret.text == "LTAI5tExampleSecret")
  }

  @Test func `a secret may be empty`() {
    let secret = Secret(copying: [UInt8]().span)
    #expect(secret.count == 0)
    #expect(secret.text.isEmpty)
  }

  @Test func `a secret filled in place keeps what was filled`() {
    let secret = Secret(unsafeUninitializedCapacity: 100) { room in
      for (index, byte) in "abc".utf8.enumerated() { room[index] = byte }
      return 3
    }
    #expect(secret.text == "abc")
  }

  @Test func `nothing that prints values shows a secret`() {
    struct Holder {
      let name = "uploader"
      let secret: Secret
      let maybe: Secret?
    }
    let mark = "Marked7Secret"
    let secret = Secret(copying: Array(mark.utf8).span)
    let holder = Holder(secret: secret, maybe: secret)
    var dumped = ""
    dump(holder, to: &dumped)
    dump(secret, to: &dumped)
    let bytesAsDumped = mark.utf8.map { "- \($0)" }.joined(separator: "\n")
    for text in [
      "\(secret)", String(describing: secret), String(reflecting: secret), "\(holder)", String(reflecting: [secret]),
      dumped,
    ] {
      #expect(text.contains("<redacted>"))
      #expect(!text.contains(mark) && !text.contains("77, 97") && !text.contains(bytesAsDumped))
    }
    #expect(Mirror(reflecting: secret).children.isEmpty)
  }

  @Test func `a buffer composes a secret across its growth`() {
    var buffer = SecretBuffer(capacity: 0)
    buffer.append("key=")
    buffer.append(Secret(copying: Array("s3cret".utf8).span))
    buffer.append(UInt8(ascii: ";"))
    let long = String(repeating: "0123456789", count: 100)
    buffer.append(long)
    #expect(buffer.count == 11 + 1000)
    #expect(buffer.finish().text == "key=s3cret;" + long)
  }

  @Test func `bytes in a buffer can be replaced, and all of them cleared`() {
    var buffer = SecretBuffer(capacity: 0)
    buffer.append("key=old;")
    buffer.replace(from: 4, by: Array("new".utf8).span)
    #expect(buffer.withBytes { Secret(copying: $0) }.text == "key=new;")
    for size in [1, 100_000] {
      buffer.append(String(repeating: "x", count: size))
      buffer.clear()
      #expect(buffer.count == 0)
      buffer.append("again")
      #expect(buffer.withBytes { Secret(copying: $0) }.text == "again")
    }
  }
}

extension Secret {
  /// For comparisons in tests, where the secret is made up.
  fileprivate var text: String {
    withBytes { bytes in String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self) }
  }
}
