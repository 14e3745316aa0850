/// The files that settings were read from, as they were: enough to read the same settings again whatever lies on the disk by then.
///
/// The settings themselves, `roles.d` and the session policies; no file that holds a secret.
package struct SettingsContent: Hashable, Sendable {
  package struct File: Hashable, Sendable {
    /// Absolute.
    package let path: String
    package let bytes: [UInt8]

    package init(path: String, bytes: [UInt8]) {
      self.path = path
      self.bytes = bytes
    }
  }

  package struct Directory: Hashable, Sendable {
    /// Absolute.
    package let path: String
    /// In ascending order.
    package let names: [String]

    package init(path: String, names: [String]) {
      self.path = path
      self.names = names
    }
  }

  /// In the order in which they were read.
  package var files: [File]
  package var directories: [Directory]

  package init(files: [File] = [], directories: [Directory] = []) {
    self.files = files
    self.directories = directories
  }
}
