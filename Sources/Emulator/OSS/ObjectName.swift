/// Where an object is: a bucket and a key in it.
package struct ObjectName: Hashable, Sendable {
  package let bucket: String
  package let key: String

  package init(bucket: String, key: String) {
    self.bucket = bucket
    self.key = key
  }
}
