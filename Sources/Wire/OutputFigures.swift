package import Core

/// What the metrics report of one role's files.
package struct OutputFigures {
  package let role: RoleName
  package let files: [OutputStatus]
  /// How often somebody else changed one of them.
  package let drifts: UInt64

  package init(role: RoleName, files: [OutputStatus], drifts: UInt64) {
    self.role = role
    self.files = files
    self.drifts = drifts
  }
}
