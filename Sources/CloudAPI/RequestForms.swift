internal import Signing

/// Caches the form of the latest request for the next one of its kind: the same action at the same endpoint, signed with the same
/// key.
package final class RequestForms {
  struct Kind: Hashable {
    let action: String
    let version: String
    let host: String
    let userAgent: String
    let provider: String
    let keyID: String
  }

  private var latest: (kind: Kind, form: SignatureForm)?

  package init() {}

  func form(of kind: Kind) -> SignatureForm {
    if let latest, latest.kind == kind { return latest.form }
    let form = SignatureForm(
      method: "POST", path: "/",
      headers: SignedRequest.headers(of: kind), keyID: kind.keyID)
    latest = (kind, form)
    return form
  }
}
