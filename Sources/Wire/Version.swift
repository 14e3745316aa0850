/// This build's version, as `--version`, the status and the User-Agent say it.
package enum Version {
  package static let number = "0.2.0"
}
