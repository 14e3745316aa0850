package import Core

/// Why a credential can't be written in a format. It names the field, and never quotes it.
package enum FormatError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The field has a character that needs quotes, and there are none in `place`, such as "format 'aws'".
  case needsQuotes(CredentialField, in: String)

  /// The file that the credential should go into can't be changed; the text says what it isn't.
  case notAConfiguration(String)

  /// The role's profile in the configuration has an AccessKey without a token, which is nowhere else, perhaps.
  case wouldLoseKey(profile: String)

  package var description: String {
    switch self {
    case .needsQuotes(let field, let place):
      "the \(field.noun) has a character that \(place) can't hold: allowed are letters, digits and + / = . _ -, with no = in "
        + "front; use format 'json'"
    case .notAConfiguration(let reason):
      "it is no configuration of the aliyun command line: \(reason); name another file"
    case .wouldLoseKey(let profile):
      "its profile '\(profile)' has an AccessKey without a token, which would be lost; rename that profile, or name another file"
    }
  }
}
