package import CloudAPI

/// Finds a key's owner, by a call to the cloud that the key signs.
package protocol IdentityService: AnyObject {
  /// Calls `completion` once, in a later turn, if the returned object is kept; releasing it cancels the request.
  func ask(_ signer: SigningIdentity, completion: @escaping (STSAnswer<CallerIdentity>) -> Void) -> AnyObject
}
