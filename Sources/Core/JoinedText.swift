extension String {
  /// The parts one after the other, in memory of their size: for texts that each refresh makes, since interpolation takes thrice as long.
  package init(joining parts: String...) { self.init(joining: parts, by: nil) }

  /// The same with a byte between each two of them.
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
  /// Copies its UTF-8, for which there has to be room; returns how many bytes that is.
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
