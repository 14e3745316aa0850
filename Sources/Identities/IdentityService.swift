package import CloudAPI

/// Tells whose a key is, by asking the cloud with a request that the key signs.
package protocol IdentityService: AnyObject {
  /// Calls `completion` once, in a later turn, while what is returned is kept; letting go of it cancels the request.
  func ask(_ signer: SigningIdentity, completion: @escaping (STSAnswer<CallerIdentity>) -> Void) -> AnyObject
}
