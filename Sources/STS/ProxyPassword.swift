import CloudAPI
import Core
import Identities
package import Secrets

/// The proxy user's password, which has a file of its own.
package enum ProxyPassword {
  /// One line of 1 to 512 bytes, without its end and a byte order mark. Throws a sentence that names the file and the fix.
  package static func read(_ path: String) throws(ProxyPasswordUnusable) -> Secret {
    let content: Secret
    do throws(SecretFile.Unreadable) {
      content = try SecretFile.read(path, mayOthersRead: false, most: 1024)
    } catch {
      throw ProxyPasswordUnusable(path: path, why: error.why, fix: error.fix, isDenied: error.isDenied)
    }
    if let encoding = content.withBytes({ WideEncoding(of: $0) }) {
      throw ProxyPasswordUnusable(
        path: path, why: "the text is \(encoding.rawValue)", fix: "write the password in UTF-8")
    }
    let line = content.withBytes { bytes in
      let start = ByteOrderMark.length(in: bytes)
      var end = bytes.count
      while end > start, bytes[end - 1] == 0x0A || bytes[end - 1] == 0x0D { end -= 1 }
      return start..<end
    }
    guard !line.isEmpty else {
      throw ProxyPasswordUnusable(path: path, why: "empty", fix: "write the password into it")
    }
    let isPlain = content.withBytes { bytes in line.allSatisfy { !bytes[$0].isControl } }
    guard line.count <= 512, isPlain else {
      throw ProxyPasswordUnusable(
        path: path, why: "not one line of at most 512 bytes", fix: "write the password alone into it")
    }
    return content.withBytes { bytes in Secret(copying: bytes.extracting(line)) }
  }
}

/// A file without a usable password.
package struct ProxyPasswordUnusable: Error, CustomStringConvertible {
  let path: String
  let why: String
  package let fix: String
  /// Whether this process lacks the permission to read it.
  package var isDenied = false

  package var description: String { "\(problem); \(fix)" }

  package var problem: String { "proxy password file '\(path)': \(why)" }
}
