package import Core
package import JSON

/// A client certificate as it lay in its file a minute ago at most.
package struct CertificateStatus: WireDocument, Hashable, Sendable {
  /// Its first DNS name, otherwise its common name, otherwise its first URI, otherwise its subject.
  package var name: String
  package var validFrom: UTCTime
  package var validUntil: UTCTime
  /// Whether it is in the last fifth of its validity, or has ended.
  package var isRenewalDue: Bool

  package init(name: String, validFrom: UTCTime, validUntil: UTCTime, isRenewalDue: Bool) {
    self.name = name
    self.validFrom = validFrom
    self.validUntil = validUntil
    self.isRenewalDue = isRenewalDue
  }

  package init(_ value: borrowing JSONValue) throws(WireError) {
    name = try value.text("name")
    guard let from = try value.optionalTime("valid_from") else { throw .missing("valid_from") }
    guard let until = try value.optionalTime("valid_until") else { throw .missing("valid_until") }
    (validFrom, validUntil) = (from, until)
    isRenewalDue = try value.bool("renewal_due")
  }

  package func write(to json: inout JSONWriter<[UInt8]>) {
    json.object { json in
      json.member("name", name)
      json.member("valid_from", validFrom)
      json.member("valid_until", validUntil)
      json.member("renewal_due", isRenewalDue)
    }
  }

  /// In a clause for people.
  package var text: String { "certificate of '\(name)' until \(validUntil)\(isRenewalDue ? ", renew it" : "")" }
}
