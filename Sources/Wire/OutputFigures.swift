package import Core

/// One role's files as the metrics report them.
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
