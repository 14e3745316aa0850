import Testing

@testable import Emulator

/// The signatures of S3 clients.
@Suite struct AWS4SignatureTests {
  /// An example of "Signature Calculations for the Authorization Header" or of "Authenticating Requests: Using Query Parameters" in
  /// Amazon's S3 reference.
  struct Example: Sendable, CustomTestStringConvertible {
    let testDescription: String
    var method = "GET"
    let target: String
    var headers: [(name: String, value: String)] = []
    let signed: String
    let signature: String

    static let host = "examplebucket.s3.amazonaws.com"
    static let scope = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"
    static let time = WallTime("2013-05-24T00:00:00Z")!

    /// Nil for a signed URL.
    private var authorization: String? {
      signed.isEmpty
        ? nil : "AWS4-HMAC-SHA256 Credential=\(Self.scope),SignedHeaders=\(signed),Signature=\(signature)"
    }

    var request: Request {
      var lines = [("Host", Self.host)] + headers
      if let authorization { lines += [("Authorization", authorization), ("x-amz-date", "20130524T000000Z")] }
      return Request(method: method, target: target, headers: lines.map { .init(name: $0.0, value: $0.1) })
    }
  }

  static let emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

  static let examples = [
    Example(
      testDescription: "get an object", target: "/test.txt",
      headers: [("Range", "bytes=0-9"), ("x-amz-content-sha256", emptyHash)],
      signed: "host;range;x-amz-content-sha256;x-amz-date",
      signature: "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
    Example(
      testDescription: "put an object", method: "PUT", target: "/test$file.text",
      headers: [
        ("Date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ("x-amz-content-sha256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"),
      ], signed: "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
      signature: "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"),
    Example(
      testDescription: "list objects", target: "/?max-keys=2&prefix=J", headers: [("x-amz-content-sha256", emptyHash)],
      signed: "host;x-amz-content-sha256;x-amz-date",
      signature: "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
    Example(
      testDescription: "a URL",
      target: "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        + "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
        + "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        + "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
      signed: "", signature: ""),
  ]

  private func authenticate(_ request: Request, at time: WallTime = Example.time) throws {
    let store = ObjectStore(directory: "/nowhere")
    var model = AccountModel()
    var account = Account(id: "1")
    account.add(User(name: "u", policies: [Policy(allowing: "oss:*")]))
    model.add(account)
    model.add(
      AccessKey(
        id: "AKIAIOSFODNN7EXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", account: "1", owner: .user("u"))
    )
    let call = try OSSCall(request)
    _ = try OSSGateway(store: store, settings: OSSSettings(), signers: OSSSigners(model: model, mint: TokenMint()))
      .authenticate(call, signedBy: OSSSignature(call), at: time)
  }

  @Test(arguments: examples)
  func `the examples of the reference are accepted`(_ example: Example) throws {
    #expect(throws: Never.self) { try authenticate(example.request) }
  }

  @Test(arguments: examples)
  func `a changed byte is refused`(_ example: Example) throws {
    let request = example.request
    for index in request.target.utf8.indices.dropFirst() {
      var other = request
      var bytes = Array(request.target.utf8)
      bytes[request.target.utf8.distance(from: request.target.startIndex, to: index)] ^= 1
      other.target = String(decoding: bytes, as: UTF8.self)
      #expect(throws: OSSRefusal.self, "\(other.target)") { try authenticate(other) }
    }
    for (place, header) in request.headers.enumerated() {
      var other = request
      other.headers[place] = .init(name: header.name, value: "\(header.value)0")
      #expect(throws: OSSRefusal.self, "\(header.name)") { try authenticate(other) }
      other.headers.remove(at: place)
      #expect(throws: OSSRefusal.self, "without \(header.name)") { try authenticate(other) }
    }
    var other = request
    other.headers.append(.init(name: "x-amz-acl", value: "public-read"))
    if !example.signed.isEmpty { #expect(throws: OSSRefusal.self) { try authenticate(other) } }
  }

  @Test func `a signature has its time`() throws {
    for (example, seconds) in [(Self.examples[0], 900), (Self.examples[3], 86_400)] as [(Example, Int64)] {
      #expect(throws: Never.self) {
        try authenticate(example.request, at: Example.time.advanced(bySeconds: seconds))
      }
      let refusal = #expect(throws: OSSRefusal.self) {
        try authenticate(example.request, at: Example.time.advanced(bySeconds: seconds + 1))
      }
      #expect(["RequestTimeTooSkewed", "AccessDenied"].contains(refusal?.code))
    }
  }
}
