/// The format of a file: one of those that are known by name, or a template.
package enum OutputFormat: Hashable, Sendable {
  case known(CredentialFormat)
  case template(CredentialTemplate)

  /// What a template is called in the settings, beside the known formats.
  package static let templateName = "template"

  /// The names in their order, as messages list them.
  package static var names: String { "\(CredentialFormat.names), \(templateName)" }
}
