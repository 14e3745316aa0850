import Core
import Secrets
import Signing
import TestSupport
import Testing

@Suite struct SignatureV3Tests {
  @Test(arguments: try SignatureVector.all())
  func `each vector is signed as the official SDK signs it`(_ vector: SignatureVector) throws {
    let request = try vector.request
    let canonical = SignatureV3.canonicalRequest(request)
    #expect(canonical.text == vector.canonicalRequest)
    #expect(SignatureV3.stringToSign(canonical) == vector.stringToSign)
    #expect(vector.authorization(of: request) == vector.authorization)
  }

  @Test func `all 15 vectors are there`() throws {
    #expect(try SignatureVector.all().count == 15)
  }

  @Test func `a change of any part changes the signature`() throws {
    let vector = try SignatureVector.named("assumerole-security-token")
    var signatures: Set<String> = [vector.authorization]
    for change: (inout SignatureV3.Request) -> Void in [
      { $0.method = "GET" }, { $0.path = "/x" }, { $0.query[0].value += "x" }, { $0.query[0].name += "x" },
      { $0.headers[0].value += "x" }, { $0.securityToken = secret("other") }, { $0.payloadHash = "0" },
    ] {
      var request = try vector.request
      change(&request)
      #expect(signatures.insert(vector.authorization(of: request)).inserted)
    }
  }

  @Test func `values are percent-encoded but for the unreserved characters`() {
    let query = SignatureV3.canonicalQuery([
      ("b", "a b+c*d~e%é/"), ("B", ""), ("a.10", "1"), ("a.2", "2"), ("_", "-._"),
    ])
    #expect(query == "B=&_=-._&a.10=1&a.2=2&b=a%20b%2Bc%2Ad~e%25%C3%A9%2F")
  }

  @Test func `another date gives another signature`() throws {
    let vector = try SignatureVector.named("getcalleridentity")
    let later = try #require(UTCTime("2026-01-02T03:04:06Z"))
    let request = SignatureV3.Request(headers: [("host", "sts.cn-hangzhou.aliyuncs.com")], date: later)
    #expect(request.headers.contains { $0.name == "x-acs-date" && $0.value == "2026-01-02T03:04:06Z" })
    #expect(vector.authorization(of: request) != vector.authorization)
  }
}

extension SignatureVector {
  /// The headers as sent: names in their own case, values with their original blanks.
  var request: SignatureV3.Request {
    get throws {
      let signed = Set(
        authorization.split(separator: ",")[1].dropFirst("SignedHeaders=".count).split(separator: ";").map(String.init))
      // Headers that the signer derives from its other arguments.
      let own = ["x-acs-security-token", "x-acs-date", "x-acs-content-sha256"]
      return SignatureV3.Request(
        method: method, path: path, query: query.map { ($0.key, $0.value) },
        headers: headers.filter { signed.contains($0.key.lowercased()) && !own.contains($0.key) }
          .map { ($0.key, $0.value) },
        date: try #require(headers["x-acs-date"].flatMap { UTCTime($0) }),
        securityToken: headers["x-acs-security-token"].map { secret($0) }, body: Array(body.utf8))
    }
  }

  func authorization(of request: SignatureV3.Request) -> String {
    SignatureV3.sign(request, keyID: accessKeyID, secret: secret(accessKeySecret)).authorization
  }
}
