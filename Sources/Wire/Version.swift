/// This build's version, for `--version`, the status and the User-Agent.
package enum Version {
  package static let number = "0.2.0"
}
