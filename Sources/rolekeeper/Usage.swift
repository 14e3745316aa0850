/// The texts of `--help`.
enum Usage {
  static func text(for command: Command?) -> String {
    guard let command else { return general }
    let options = Option.timeout.commands.contains(command) ? "--socket PATH, --timeout TIME" : "--socket PATH"
    return body(of: command) + "\(options): see 'rolekeeper --help'.\n"
  }

  private static func body(of command: Command) -> String {
    switch command {
    case .status:
      """
      usage: rolekeeper status [ROLE] [--json] [--watch] [--check]

      Shows every role that you may read: its state, how long its credential lasts, how long readers would keep the floor
      if STS failed now, its generation, the next refresh, the last error, and who holds a reservation; for administrators
      the sources too. With ROLE everything about that one.

        --json   the same as one line of JSON
        --watch  again every second, until interrupted
        --check  one line that says whether all is well with the roles that you may read, for monitoring; exit status 0 ok,
                 1 degraded (say, a file can't be written), 2 a role without a credential, 3 no daemon answers

      Colours are used on a terminal, unless NO_COLOR is set or TERM is dumb.

      """
    case .get:
      """
      usage: rolekeeper get ROLE [--format json|env] [--min-ttl TIME] [--wait TIME]

      Writes the role's credential to stdout: a document for SDKs' and tools' external programs, or variables for a shell.

        --format json|env  default json
        --min-ttl TIME     one that lasts at least so long, say 3h; a longer session is fetched when there is none
        --wait TIME        how long to wait for it, 0s to 60s; default 10s when one has to be fetched, else 0s

      \(exitStatus)

      """
    case .wait:
      """
      usage: rolekeeper wait ROLE… [--min-ttl TIME] [--timeout TIME]

      Returns when each of the roles has a valid credential, in its files too; takes none. Waits on while the daemon is being
      restarted, and doesn't wait for what can't ever be had.

        --min-ttl TIME  one that lasts at least so long; none is fetched for it
        --timeout TIME  how long to wait, default 60s

      \(exitStatus)

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
    case .report:
      """
      usage: rolekeeper report ROLE [ACCESSKEYID]

      Reports that a cloud service refuses a session of the role. The daemon asks STS, within 10 s, and prints one word:

        condemned  STS doesn't know the session any more; from now on readers get another one
        in-use     STS accepts it: the service has another reason, such as missing permissions
        unchecked  STS couldn't be asked, and stderr says why and when to report it again; the session stays (exit status 4)

      Without ACCESSKEYID it is the session that a read gets now. For everybody who may read the role.

      \(exitStatus)

      """
    case .refresh:
      """
      usage: rolekeeper refresh ROLE

      Makes the daemon fetch a new session for the role now, and reports what came of it within 30 s. For administrators.

      \(exitStatus)

      """
    }
  }

  private static let exitStatus = """
    exit status: 0 done
                 1 never as it was asked for: no such role, not yours to read, longer than the role can have, refused by
                   STS until somebody changes something (refresh); or it failed
                 2 wrong usage
                 3 the daemon can't be reached
                 4 not now: nothing valid, too many at once, or no outcome in time; stderr says when to try again
    """

  private static let general = """
    usage: rolekeeper [--socket PATH] COMMAND …

    Asks rolekeeperd, which keeps temporary Alibaba Cloud credentials for the programs of this host.

      status [ROLE]  show role status
      get ROLE       write a role's credential to stdout
      wait ROLE…     return when roles have a valid credential
      check          say what is wrong with the settings
      reload         make the daemon read its settings again
      refresh ROLE   make the daemon fetch a new session now
      report ROLE    report a session that a cloud service refuses
      help COMMAND   show a command's options

      --socket PATH   the daemon's socket; default $ROLEKEEPER_SOCKET, then \(CommandLineTool.defaultSocket)
      --timeout TIME  how long the daemon may take to answer, at least 1s; default 15s, for reload 90s, for wait 60s,
                      and what get and refresh wait for comes on top
      TIME is such as 90s, 30min, 2h or 1h30min
      --version       print the version and exit
      --help          print this, or with a command its options, and exit

    \(exitStatus)

    """
}
