package import Core
package import JSON

/// The URIs of a role, or of one of its scopes, at the daemon's loopback address.
package struct LoopbackURI: WireDocument, Hashable, Sendable {
  /// For ALIBABA_CLOUD_CREDENTIALS_URI.
  package let uri: String
  /// For AWS_CONTAINER_CREDENTIALS_FULL_URI.
  package let awsURI: String

  package init(address: LoopbackAddress, role: RoleName, scope: RoleName? = nil) {
    let query = scope.map { "?scope=\($0)" } ?? ""
    uri = "http://\(address)/\(role)\(query)"
    awsURI = "http://\(address)/\(role)/aws\(query)"
  }

  package init(_ value: borrowing JSONValue) throws(WireError) {
    uri = try value.text("uri")
    awsURI = try value.text("aws_uri")
  }

  package func write(to json: inout JSONWriter<[UInt8]>) {
    json.object { json in
      json.member("uri", uri)
      json.member("aws_uri", awsURI)
    }
  }
}
