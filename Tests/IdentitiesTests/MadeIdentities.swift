import TestSupport

/// Certificates and keys in all the forms in which they are put in place, made once by openssl(1).
struct MadeIdentities {
  static let shared = Result { try MadeIdentities() }

  private struct NotMade: Error { let reason: String }

  private static let script = """
    set -e
    cd "$1"
    umask 077
    make() {
      openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $1.key -out $1.crt -days 2 -subj /CN=$1
    }
    make one
    make two
    openssl genrsa -traditional -out rsa.key 2048
    openssl ecparam -name prime256v1 -genkey -out parameters.key
    openssl x509 -in one.crt -outform DER -out der.crt
    openssl pkey -in one.key -outform DER -out der.key
    openssl pkey -in one.key -aes256 -passout pass:x -out locked.key
    openssl rsa -in rsa.key -traditional -aes128 -passout pass:x -out locked-rsa.key
    sed 3d one.crt > torn.crt
    sed 2d one.key > torn.key
    cat one.crt two.crt > chain.pem
    cat one.crt one.key > both.pem
    : > empty
    echo junk > junk
    """

  let directory: TemporaryDirectory

  private init() throws {
    directory = try TemporaryDirectory()
    let (status, _, errors) = try ChildProcess.run(["/bin/bash", "-c", Self.script, "bash", directory.path])
    guard status == 0 else { throw NotMade(reason: errors) }
  }

  func text(_ name: String) throws -> String {
    guard let text = FileText.read(directory.path(name)) else { throw NotMade(reason: name) }
    return text
  }
}
