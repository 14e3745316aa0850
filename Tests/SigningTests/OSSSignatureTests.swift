import Core
import Signing
import TestSupport
import Testing

@Suite struct OSSSignatureTests {
  static let date = UTCTime("2026-01-02T03:04:05Z")!

  @Test(arguments: try OSSVector.all(.v4))
  func `V4 signs each vector as oss2 does`(_ vector: OSSVector) throws {
    let stamp = try #require(vector.headers["x-oss-date"])
    #expect(Self.date.basicText == stamp)
    let canonical = OSSSignatureV4.canonicalRequest(
      vector.request, stamp: stamp, securityToken: vector.securityToken.map { secret($0) })
    #expect(canonical.text == vector.canonicalRequest)
    let scope = OSSSignatureV4.scope(day: "20260102", region: vector.region)
    #expect(OSSSignatureV4.stringToSign(canonical, stamp: stamp, scope: scope) == vector.stringToSign)
    let signed = vector.signer(.v4(region: vector.region)).sign(vector.request, at: Self.date)
    #expect(try sent(signed) == vector.expected)
    #expect("/" + OSSSignature.path(ofKey: vector.key) == vector.target)
  }

  @Test(arguments: try OSSVector.all(.v1))
  func `V1 signs each vector as oss2 does`(_ vector: OSSVector) throws {
    let text = OSSSignatureV1.stringToSign(
      vector.request, date: try #require(vector.headers["date"]), securityToken: vector.securityToken.map { secret($0) }
    )
    #expect(text.text == vector.stringToSign)
    let signed = vector.signer(.v1).sign(vector.request, at: Self.date)
    #expect(try sent(signed) == vector.expected)
  }

  @Test func `all vectors are there`() throws {
    #expect(try OSSVector.all(.v4).count == 4)
    #expect(try OSSVector.all(.v1).count == 4)
  }

  @Test func `names and values of a query are encoded, and an empty value has no equals sign`() {
    let query = OSSSignature.query([("uploadId", "a/b+c ~é"), ("partNumber", "1"), ("uploads", ""), ("B", "2")])
    #expect(query == "B=2&partNumber=1&uploadId=a%2Fb%2Bc%20~%C3%A9&uploads")
    #expect(OSSSignature.query([]).isEmpty)
  }

  @Test func `a change of any part changes the signature`() throws {
    for version in [OSSSignature.Version.v4(region: "cn-shanghai"), .v1] {
      let vector = try #require(try OSSVector.all(.v4).first { $0.name == "put-token-content-type-md5" })
      let signer = vector.signer(version)
      var signatures: Set<String?> = [signer.sign(vector.request, at: Self.date).headerLines.last]
      for change: (inout OSSSignature.Request) -> Void in [
        { $0.method = "POST" }, { $0.bucket += "x" }, { $0.key += "x" }, { $0.query = [("uploads", "")] },
        { $0.query = [("uploadId", "1")] }, { $0.headers.append(("x-oss-meta-a", "1")) }, { $0.headers = [] },
      ] {
        var request = vector.request
        change(&request)
        #expect(signatures.insert(signer.sign(request, at: Self.date).headerLines.last).inserted)
      }
      let other = OSSSigner(version, keyID: "STS.testid", secret: secret("stssecret"), securityToken: secret("other"))
      #expect(signatures.insert(other.sign(vector.request, at: Self.date).headerLines.last).inserted)
    }
  }

  /// The key that V4 derives is kept, but only for its day.
  @Test func `a signer that has signed before signs like a new one`() throws {
    let vector = try #require(try OSSVector.all(.v4).first)
    // Once, since the order of its headers isn't the same each time.
    let request = vector.request
    let signer = vector.signer(.v4(region: vector.region))
    for text in ["2026-01-02T23:59:59Z", "2026-01-03T00:00:00Z", "2026-01-02T03:04:05Z", "2026-01-02T03:04:06Z"] {
      let date = try #require(UTCTime(text))
      let fresh = vector.signer(.v4(region: vector.region)).sign(request, at: date)
      #expect(signer.sign(request, at: date).headerLines == fresh.headerLines, "\(text)")
    }
    #expect(signer.sign(request, at: Self.date).headerLines.last == "Authorization: \(vector.authorization)")
  }

  @Test func `headers outside the signature don't change it`() throws {
    let vector = try #require(try OSSVector.all(.v4).first)
    for version in [OSSSignature.Version.v4(region: vector.region), .v1] {
      var request = vector.request
      request.headers.append(("user-agent", "other/2"))
      request.headers.append(("x-acs-other", "1"))
      let signer = vector.signer(version)
      let plain = signer.sign(vector.request, at: Self.date)
      #expect(signer.sign(request, at: Self.date).headerLines.last == plain.headerLines.last)
    }
  }

  /// The headers that are sent, by lower-case name; each name once.
  private func sent(_ signed: OSSSignature.Signed) throws -> [String: String] {
    var sent: [String: String] = [:]
    for line in signed.headerLines {
      let colon = try #require(line.firstRange(of: ": "))
      let name = line[..<colon.lowerBound].lowercased()
      #expect(sent.updateValue(String(line[colon.upperBound...]), forKey: name) == nil, "\(name) twice")
    }
    sent["x-oss-security-token"] = signed.securityToken?.text
    return sent
  }
}

extension OSSVector {
  func signer(_ version: OSSSignature.Version) -> OSSSigner {
    OSSSigner(
      version, keyID: accessKeyID, secret: secret(accessKeySecret), securityToken: securityToken.map { secret($0) })
  }

  /// Headers that the signer or the HTTP library adds.
  private static let added = [
    "accept", "authorization", "connection", "content-length", "date", "x-oss-content-sha256", "x-oss-date",
    "x-oss-security-token",
  ]

  var request: OSSSignature.Request {
    OSSSignature.Request(
      method, bucket: bucket, key: key,
      headers: headers.filter { !Self.added.contains($0.key.lowercased()) }.map { ($0.key, $0.value) })
  }

  /// All headers but those of the HTTP library, by lower-case name.
  var expected: [String: String] {
    let library = ["accept", "connection", "content-length"]
    let named = headers.map { ($0.key.lowercased(), $0.value) }.filter { !library.contains($0.0) }
    return Dictionary(uniqueKeysWithValues: named)
  }
}
