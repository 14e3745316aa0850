import CLinux
import Core

extension Finding {
  /// Two clocks that differ by no more than this agree, as for the daemon.
  private static let agreement = ServerClock.agreement
  /// STS and OSS refuse requests that are dated further off (InvalidTimeStamp.Expired, RequestTimeTooSkewed).
  private static let limit = Duration.minutes(15)

  /// How this host's clock compares with that of `server`, which is ahead by `lead`.
  package static func clock(lead: Duration, of server: String = "STS") -> Finding {
    let off = max(lead, .zero - lead)
    let text = "this host is \(off.text) \(lead > .zero ? "behind" : "ahead of") \(server)"
    let subject = "clock"
    if off < .seconds(2) { return Finding(.ok, subject, "agrees with \(server)'s") }
    if off <= agreement { return Finding(.ok, subject, text) }
    let set = "see 'timedatectl', and have the clock synchronised"
    guard off > limit else {
      return Finding(.warning, subject, text, next: "\(set); cloud services refuse requests from \(limit.text) off")
    }
    return Finding(
      .failed, subject, text,
      next:
        "\(set): the daemon goes by \(server)'s clock, but programs date their requests by this host's, and cloud services "
        + "refuse those from \(limit.text) off")
  }

  /// Whether something keeps the kernel's clock synchronised; nil if the kernel doesn't say.
  package static var clockSynchronisation: Finding? {
    switch clinux_clock_is_synchronised() {
    case 1: Finding(.ok, "clock synchronisation", "the kernel's clock is synchronised")
    case 0:
      Finding(
        .warning, "clock synchronisation", "nothing has synchronised the kernel's clock",
        next: "see 'timedatectl'; systemd-timesyncd or chrony does it")
    default: nil
    }
  }
}
