package import Core
package import JSON

/// The certificates of the authorities by which STS is verified.
package struct CAFileStatus: WireDocument, Hashable, Sendable {
  package var path: String
  /// Why the file as it lies there can't be used, so that the certificates read before are in force; nil while it is used.
  package var error: LastError?

  package init(path: String, error: LastError? = nil) {
    self.path = path
    self.error = error
  }

  package init(_ value: borrowing JSONValue) throws(WireError) {
    path = try value.text("path")
    if let error = value["error"], error.kind != .null { self.error = try LastError(error) }
  }

  package func write(to json: inout JSONWriter<[UInt8]>) {
    json.object { json in
      json.member("path", path)
      json.key("error")
      if let error { error.write(to: &json) } else { json.null() }
    }
  }
}

extension LastError {
  /// A sentence of our own that names the CA file.
  package init(caFile sentence: String, since: UTCTime?) {
    self.init(Failure(.permanent, code: "CAFile", advice: sentence), since: since)
  }
}
