package import JSON

/// The answer to a `POST /v1/reload` that put the settings in force.
package struct ReloadOutcome: WireDocument, Hashable, Sendable {
  /// The socket's new path, if the settings moved it; the connection with this answer is the last one of the old socket.
  package var movedTo: String?

  /// What the new settings have removed, one sentence each; no more than 100.
  package var warnings: [String]

  package init(movedTo: String?, warnings: [String] = []) {
    self.movedTo = movedTo
    self.warnings = Array(warnings.prefix(100))
  }

  package init(_ value: borrowing JSONValue) throws(WireError) {
    movedTo = try value.optionalText("socket_moved_to")
    var warnings: [String] = []
    try value["warnings"]?.forEachItem { (item) throws(WireError) in
      guard let text = item.string() else { throw .malformed("warnings") }
      warnings.append(text)
    }
    self.warnings = warnings
  }

  package func write(to json: inout JSONWriter<[UInt8]>) {
    json.object { json in
      json.member("reload", "done")
      json.member("socket_moved_to", orNull: movedTo)
      json.key("warnings")
      json.array { json in for warning in warnings { json.string(warning) } }
    }
  }
}
