package import JSON

/// The answer to a `POST /v1/reload` that put the settings in force.
package struct ReloadOutcome: WireDocument, Hashable, Sendable {
  /// Where the socket is now, when the settings moved it; the connection that carries this answer is the last of the old one.
  package var movedTo: String?

  package init(movedTo: String?) { self.movedTo = movedTo }

  package init(_ value: borrowing JSONValue) throws(WireError) {
    movedTo = try value.optionalText("socket_moved_to")
  }

  package func write(to json: inout JSONWriter<[UInt8]>) {
    json.object { json in
      json.member("reload", "done")
      json.member("socket_moved_to", orNull: movedTo)
    }
  }
}
