/// Default paths.
package enum StandardPath {
  /// The directory of the settings and the files beside them.
  package static let configuration = "/etc/rolekeeper"
  package static let settings = "\(configuration)/rolekeeper.toml"
  /// Created by systemd-tmpfiles, at each boot and by `make install`.
  package static let runtime = "/run/rolekeeper"
  /// The command that creates it, or restores its owner and mode (tmpfiles.d(5), type d).
  package static let makeRuntime = "sudo systemd-tmpfiles --create rolekeeper.conf"
  package static let socket = "\(runtime)/rolekeeper.sock"
  /// The socket from which systemd fetches other units' credentials.
  package static let credentials = "\(runtime)/credentials.sock"
  /// Where an administrator puts the rule that `rolekeeper check --print-polkit` prints (polkit(8)).
  package static let polkitRule = "/etc/polkit-1/rules.d/50-rolekeeper.rules"
  /// The command that writes it, and leaves one that is there as it is when the settings can't be used.
  package static let writePolkitRule =
    #"rule=$(sudo rolekeeper check --print-polkit) && printf '%s\n' "$rule" | sudo tee \#(polkitRule) >/dev/null"#
  /// The directory in which each role has a directory of its own.
  package static let roles = "\(runtime)/\(ReservedNames.roles)"
}
