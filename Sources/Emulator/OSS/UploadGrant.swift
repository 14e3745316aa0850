/// A temporary credential for one object only, which VOD puts into UploadAuth.
package struct UploadGrant: Sendable, Equatable {
  /// `STS.` and letters and digits.
  package let keyID: String
  package let secret: String
  package let token: String
  package let object: ObjectName
  package let expires: WallTime
  /// The region of the object's bucket, such as `cn-shanghai`; part of the V4 signature's scope.
  package let region: String

  package init(
    keyID: String, secret: String, token: String, object: ObjectName, expires: WallTime, region: String
  ) {
    self.keyID = keyID
    self.secret = secret
    self.token = token
    self.object = object
    self.expires = expires
    self.region = region
  }
}
