package import CloudAPI
package import Core
package import EventLoop
import Glibc
package import Logging
import Secrets

/// The AccessKey that signs AssumeRole, read from a file and followed as the file changes.
///
/// A file that can't be read, or is only half there, keeps the old key. A systemd credential is a copy which systemd makes
/// when the service starts, so it only changes with a restart (from systemd 260 with a reload).
package final class AccessKeySource {
  /// Where the key is.
  package enum Location: Equatable {
    /// A file of the administrator's, which nobody but its owner may read.
    case file(String)
    /// A file that systemd put into the service's credentials directory, and guards.
    case credential(String)

    package var path: String {
      switch self {
      case .file(let path), .credential(let path): path
      }
    }
  }

  package let name: String
  package let location: Location
  /// Nil until there is one that can be read.
  package private(set) var key: AccessKey?
  /// Since when this key signs, by the host's wall clock.
  package private(set) var inUseSince: UTCTime?
  /// Called when another key has come into use.
  package var changed: () -> Void = {}

  private let logger: Logger
  private var watch: DirectoryWatch?
  private var lastComplaint: String?

  /// Begins to follow the key and reads it. A file that can't be read yet is reported, and taken up when it can.
  ///
  /// Throws for a systemd credential that can't be read: only a new start of the service has systemd copy it again.
  package init(name: String, at location: Location, loop: EventLoop, logger: Logger) throws {
    self.name = name
    self.location = location
    self.logger = logger
    // Watched before it is read: what changes in between is seen.
    if case .file(let path) = location {
      watch = try DirectoryWatch(ofParentOf: path, loop: loop) { [unowned self] in reread() }
    }
    switch location {
    case .file: reread()
    case .credential: use(try Self.read(location))
    }
  }

  /// Reads the file again; another key is used from now on, an unreadable one is reported once and changes nothing.
  package func reread() {
    do {
      let found = try Self.read(location)
      lastComplaint = nil
      if let key, found.id == key.id && found.secret.hasSameBytes(as: key.secret) { return }
      use(found)
      changed()
    } catch {
      let complaint = "\(error)"
      if complaint != lastComplaint {
        let phrase: Logger.Message = key == nil ? "no AccessKey" : "AccessKey not read again, keeping the one in use"
        logger.log(key == nil ? .error : .warning, phrase, [.source: name, .reason: complaint])
      }
      lastComplaint = complaint
    }
  }

  private func use(_ found: AccessKey) {
    logger.notice(key == nil ? "AccessKey read" : "AccessKey changed", [.source: name, .accessKeyID: found.id])
    key = found
    inUseSince = UTCTime(seconds: Int64(Glibc.time(nil)))
  }

  /// What to say of a source without a key.
  var missingKeyAdvice: String { lastComplaint ?? "no AccessKey has been read yet" }

  /// Reads a key without keeping anything; throws a sentence that names the file and the cure.
  package static func read(_ location: Location) throws -> AccessKey {
    let path = location.path
    let content: Secret
    do throws(SecretFile.Unreadable) {
      content = try SecretFile.read(path, mayOthersRead: location != .file(path), most: 65_536)
    } catch {
      throw AccessKeyUnusable(path: path, why: error.why)
    }
    do {
      return try content.withBytes { (bytes) throws(AccessKeyFileError) in try AccessKeyFile.parse(bytes) }
    } catch {
      throw AccessKeyUnusable(path: path, why: "\(error)")
    }
  }
}

/// A file that holds no usable AccessKey.
package struct AccessKeyUnusable: Error, CustomStringConvertible {
  let path: String
  let why: String

  package var description: String { "AccessKey file '\(path)': \(why)" }
}
