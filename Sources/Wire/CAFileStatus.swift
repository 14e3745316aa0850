package import Core
package import JSON

/// The status of the CA certificates that verify STS.
package struct CAFileStatus: WireDocument, Hashable, Sendable {
  package var path: String
  /// Why the present file can't be used, so that the certificates read before, if any, are in force; nil while it is used.
  package var error: LastError?

  package init(path: String, error: LastError? = nil) {
    self.path = path
    self.error = error
  }

  package init(_ value: borrowing JSONValue) throws(WireError) {
    path = try value.text("path")
    error = try value.optionalDocument("error")
  }

  package func write(to json: inout JSONWriter<[UInt8]>) {
    json.object { json in
      json.member("path", path)
      json.member("error", orNull: error)
    }
  }
}

extension LastError {
  /// `sentence` names the CA file and the problem.
  package init(caFile sentence: String, since: UTCTime?) {
    self.init(Failure(.permanent, code: "CAFile", advice: sentence), since: since)
  }
}
