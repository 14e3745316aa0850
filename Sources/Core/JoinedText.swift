extension String {
  /// Joins the parts without reserving more memory than their size. Each refresh makes several such texts, and interpolation takes
  /// three times as long.
  package init(joining parts: String...) { self.init(joining: parts, by: nil) }

  /// The same with a separator byte between the parts.
  package init(joining parts: [String], by separator: UInt8?) {
    var count = separator == nil ? 0 : Swift.max(0, parts.count - 1)
    for part in parts { count += part.utf8.count }
    self.init(unsafeUninitializedCapacity: count) { room in
      guard count > 0, var next = room.baseAddress else { return 0 }
      var isFirst = true
      for part in parts {
        if let separator, !isFirst {
          next.pointee = separator
          next += 1
        }
        isFirst = false
        next += part.copyUTF8(to: next)
      }
      return count
    }
  }
}

extension String {
  /// Copies its UTF-8 to `room`, which must be large enough; returns the number of bytes.
  private func copyUTF8(to room: UnsafeMutablePointer<UInt8>) -> Int {
    func copy(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
      if let start = bytes.baseAddress { room.update(from: start, count: bytes.count) }
      return bytes.count
    }
    if let count = utf8.withContiguousStorageIfAvailable(copy) { return count }
    var text = self
    return text.withUTF8(copy)
  }
}
