import CloudAPI
import Secrets
import Testing

@Suite struct SignatureV3Tests {
  @Test(arguments: try SignatureVector.all())
  func `each vector of the official SDK is signed alike`(_ vector: SignatureVector) {
    let request = vector.request
    let canonical = SignatureV3.canonicalRequest(request)
    #expect(canonical.text == vector.canonicalRequest)
    #expect(SignatureV3.stringToSign(canonical) == vector.stringToSign)
    #expect(SignatureV3.authorization(request, key: vector.key) == vector.authorization)
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
      var request = vector.request
      change(&request)
      #expect(signatures.insert(SignatureV3.authorization(request, key: vector.key)).inserted)
    }
  }

  @Test func `values are percent-encoded but for the unreserved characters`() {
    let query = SignatureV3.canonicalQuery([
      ("b", "a b+c*d~e%é/"), ("B", ""), ("a.10", "1"), ("a.2", "2"), ("_", "-._"),
    ])
    #expect(query == "B=&_=-._&a.10=1&a.2=2&b=a%20b%2Bc%2Ad~e%25%C3%A9%2F")
  }
}
