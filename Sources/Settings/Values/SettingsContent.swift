/// The files from which settings were read, with their content: enough to read the same settings again, whatever is on
/// the disk by then.
///
/// They are the settings files, those of `roles.d`, the session policies, and the templates of credential files; none contains a secret.
package struct SettingsContent: Hashable, Sendable {
  package struct File: Hashable, Sendable {
    /// Its absolute path.
    package let path: String
    package let bytes: [UInt8]

    package init(path: String, bytes: [UInt8]) {
      self.path = path
      self.bytes = bytes
    }
  }

  package struct Directory: Hashable, Sendable {
    /// Its absolute path.
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
