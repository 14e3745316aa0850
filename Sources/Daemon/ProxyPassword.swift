package import Secrets

/// The password of the proxy's user, alone in its file.
package enum ProxyPassword {
  /// One line of 1 to 512 bytes; the line's end is no part of it. Throws a sentence that names the file and the cure.
  package static func read(_ path: String) throws(ProxyPasswordUnusable) -> Secret {
    let content: Secret
    do throws(SecretFile.Unreadable) {
      content = try SecretFile.read(path, mayOthersRead: false, most: 1024)
    } catch {
      throw ProxyPasswordUnusable(path: path, why: error.why)
    }
    let length = content.withBytes { bytes in
      var length = bytes.count
      while length > 0, bytes[length - 1] == 0x0A || bytes[length - 1] == 0x0D { length -= 1 }
      return length
    }
    guard length > 0 else { throw ProxyPasswordUnusable(path: path, why: "empty; write the password into it") }
    let isPlain = content.withBytes { bytes in (0..<length).allSatisfy { bytes[$0] >= 0x20 && bytes[$0] != 0x7F } }
    guard length <= 512, isPlain else {
      throw ProxyPasswordUnusable(
        path: path, why: "not one line of at most 512 bytes; write the password alone into it")
    }
    return content.withBytes { bytes in Secret(copying: bytes.extracting(0..<length)) }
  }
}

/// A file that holds no usable password.
package struct ProxyPasswordUnusable: Error, CustomStringConvertible {
  let path: String
  let why: String

  package var description: String { "proxy password file '\(path)': \(why)" }
}
