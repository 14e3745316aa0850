/// The texts of `--help`.
enum Usage {
  static func text(for command: Arguments.Command?) -> String {
    switch command {
    case nil: general
    case .status:
      """
      usage: rolekeeper status [--json] [--watch]

      Shows every role that you may read: its state, how long its credential lasts, how long readers would keep the floor
      if STS failed now, its generation, the next refresh and the last error; for administrators the sources too.

        --json   the same as one line of JSON
        --watch  again every second, until interrupted

      """
    case .get:
      """
      usage: rolekeeper get ROLE [--format json|env] [--min-ttl TIME] [--wait TIME]

      Writes the role's credential to stdout: a document for SDKs' and tools' external programs, or variables for a shell.

        --format json|env  default json
        --min-ttl TIME     one that lasts at least so long, say 3h; a longer session is drawn when there is none
        --wait TIME        how long to wait for it, 0s to 60s; default 10s when one has to be drawn, else 0s

      """
    case .wait:
      """
      usage: rolekeeper wait ROLE… [--timeout TIME]

      Returns when each of the roles has a valid credential; takes none.

        --timeout TIME  default 60s

      """
    case .check:
      """
      usage: rolekeeper check [--config FILE]

      Reports on stdout everything that is wrong with the settings, by file and line, and what to write instead. As root it
      judges as the daemon's user, and looks at the AccessKey that the unit's LoadCredential= names.

        --config FILE  default /etc/rolekeeper/rolekeeper.toml

      Exit status: 0 the settings can be used, perhaps with warnings; 78 they, or an AccessKey, can't be used; 1 they could
      not be checked; 2 wrong usage.

      """
    case .reload:
      """
      usage: rolekeeper reload [--allow-removal]

      Makes the daemon read its settings again. Bad ones are reported and change nothing, and so are files that seem to be cut
      off: emptied of all their roles, a role without any of its readers or files. For administrators.

        --allow-removal  accept that too

      """
    case .refresh:
      """
      usage: rolekeeper refresh ROLE

      Makes the daemon draw a new session for the role now. For administrators.

      """
    }
  }

  private static let general = """
    usage: rolekeeper [--socket PATH] COMMAND …

      status        how every role fares
      get ROLE      a role's credential
      wait ROLE…    return when roles have a valid credential
      check         say what is wrong with the settings
      reload        make the daemon read its settings again
      refresh ROLE  make the daemon draw a new session now

      --socket PATH  the daemon's socket; default $ROLEKEEPER_SOCKET, then \(CommandLineTool.defaultSocket)
      --version      print the version and exit
      --help         print this, or with a command its options, and exit

    exit status: 0 done; 1 refused or failed; 2 wrong usage; 3 no daemon answers; 4 nothing valid in time

    """
}
