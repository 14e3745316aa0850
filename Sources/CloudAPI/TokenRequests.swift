package import Core
package import Secrets
internal import Signing

/// A token of an OIDC identity provider, as AssumeRoleWithOIDC takes it.
package struct IdentityToken {
  /// `acs:ram::ACCOUNT:oidc-provider/NAME`.
  package let providerARN: String
  /// A JSON Web Token in compact form (RFC 7519): letters, digits, `-`, `_` and `.`.
  package let token: Secret

  /// The lengths that STS takes, in characters (STS API reference, AssumeRoleWithOIDC).
  package static let lengths = 4...20_000

  /// Nil if the text isn't in the compact form.
  package init?(providerARN: String, token: Secret) {
    let isCompact = token.withBytes { bytes in
      bytes.indices.allSatisfy { bytes[$0].isLetterOrDigit || [0x2D, 0x2E, 0x5F].contains(bytes[$0]) }
    }
    guard isCompact else { return nil }
    self.providerARN = providerARN
    self.token = token
  }
}

/// AssumeRoleWithOIDC (STS API reference, 2015-04-01): turns the holder of a token into a session of a role. It is an RPC call without
/// AccessKeyId and signature; the parameters are in the body, as the vendor's SDK for Go has them.
package struct AssumeRoleWithOIDCRequest {
  package let role: AssumeRoleRequest
  package let token: IdentityToken

  package init(_ role: AssumeRoleRequest, with token: IdentityToken) {
    self.role = role
    self.token = token
  }

  package func request(in context: RequestContext) -> TokenRequest {
    let query: [(name: String, value: String)] = [
      ("Action", "AssumeRoleWithOIDC"), ("Format", "JSON"), ("SignatureNonce", context.nonce),
      ("Timestamp", context.date.description), ("Version", APIVersion.sts),
    ]
    var form: [(name: String, value: String)] = [
      ("DurationSeconds", String(role.duration.wholeSeconds)), ("OIDCProviderArn", token.providerARN),
      ("RoleArn", role.roleARN.description), ("RoleSessionName", role.sessionName),
    ]
    if let policy = role.policy { form.append(("Policy", policy)) }
    var text = "\(SignatureV3.canonicalQuery(form))&OIDCToken="
    let body = text.withUTF8 { open in
      Secret(unsafeUninitializedCapacity: open.count + token.token.count) { room in
        for (place, byte) in open.enumerated() { room[place] = byte }
        token.token.copyBytes(to: room.baseAddress! + open.count)
        return room.count
      }
    }
    return TokenRequest(
      host: context.host, target: "/?\(SignatureV3.canonicalQuery(query))",
      headerLines: [
        "Accept: application/json", "Content-Type: application/x-www-form-urlencoded",
        "User-Agent: \(context.userAgent)",
      ], body: body)
  }
}

/// A request ready to be posted, whose body holds a token.
package struct TokenRequest: CustomStringConvertible, CustomReflectable {
  package let host: String
  /// Path and query as in the request line.
  package let target: String
  /// `name: value` without the line end, and without `Host`.
  package let headerLines: TextLines
  package let body: Secret

  package var description: String { "POST https://\(host)" }
  package var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}
