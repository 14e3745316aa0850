/// The drop-in that opens to the unit what the loopback URI needs.
package enum LoopbackDropIn {
  package static let name = "loopback.conf"

  /// The commands that install it.
  package static let install =
    "sudo install -D -m 0644 /usr/share/doc/rolekeeper/drop-ins/\(name) -t /etc/systemd/system/\(RolekeeperUnit.service).d"
    + " && sudo systemctl daemon-reload && sudo systemctl restart rolekeeper"
}
