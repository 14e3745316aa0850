import Core
import LocalClient

/// The texts of `--help`.
enum Usage {
  static func text(for command: Command?) -> String {
    guard let command else { return general }
    let general: [Option] = [.socket, .timeout]
    let options = general.filter { $0.commands.contains(command) }.map {
      $0 == .socket ? "--socket PATH" : "--timeout TIME"
    }
    let hint = options.isEmpty ? "" : "\n\(options.joined(separator: ", ")): see 'rolekeeper --help'.\n"
    return "\(body(of: command))\n\(statuses(of: command))\(hint)"
  }

  private static func statuses(of command: Command) -> String {
    let usual = list("Exit status", ExitStatus.entries(of: command))
    guard command == .status else { return usual }
    return "\(usual)\n\(list("Exit status with --check", ExitStatus.healthCheck))"
  }

  private static func list(_ title: String, _ entries: [ExitStatus.Entry]) -> String {
    let width = entries.map { "\($0.status)".count }.max() ?? 1
    let lines = entries.flatMap { entry in
      let number = "\(entry.status)"
      let start = "  \(String(repeating: " ", count: width - number.count))\(number)  "
      let indent = String(repeating: " ", count: start.count)
      return TextLayout.wrapped(entry.meaning, width: 120 - indent.count).enumerated().map { row, line in
        (row == 0 ? start : indent) + line
      }
    }
    return "\(title):\n\(lines.joined(separator: "\n"))\n"
  }

  /// A list of words and their meanings below a title.
  private static func terms(_ title: String, _ entries: [(term: String, meaning: String)]) -> String {
    let width = entries.map(\.term.count).max() ?? 0
    let lines = entries.map { "  \($0.term)\(String(repeating: " ", count: width - $0.term.count))  \($0.meaning)" }
    return "\(title):\n\(lines.joined(separator: "\n"))"
  }

  private static func body(of command: Command) -> String {
    switch command {
    case .status:
      """
      usage: rolekeeper status [ROLE] [--json] [--watch] [--check]

      Shows each role that you may read: its state, when its credential expires, its headroom (how long readers would still
      get at least the floor if STS failed now), its generation, the next refresh, the last error, and who holds a
      reservation. Administrators also see the sources. With ROLE, shows everything about that role.

        --json   print the same as one line of JSON
        --watch  show it again every second, until interrupted
        --check  print one line for monitoring: whether the roles that you may read, or ROLE, are healthy

      Colours are used on a terminal, unless NO_COLOR is set or TERM is dumb.

      """
    case .get:
      """
      usage: rolekeeper get ROLE [--scope TASK] [--format FORMAT] [--output FILE] [--min-ttl TIME] [--wait TIME]
             rolekeeper get ROLE [--scope TASK] --template FILE [--output FILE] [--min-ttl TIME] [--wait TIME]
             rolekeeper get ROLE [--scope TASK] --field FIELD [--output FILE] [--min-ttl TIME] [--wait TIME]

      Prints the role's credential on stdout: as a JSON document, which SDKs and tools read from an external program, or in
      another format. Writes nothing to stderr if it succeeds, and doesn't read stdin.

        --scope TASK     the credential of the role's scope TASK, which the daemon fetches if nobody uses it yet
        --format FORMAT  the format; default json
        --template FILE  print FILE, with {{FIELD}} replaced by that field: as it is, or escaped by {{FIELD|json}} for a
                         string in double quotes, {{FIELD|shell}} as a word, {{FIELD|ini}} as a value without quotes
        --field FIELD    print this field alone
        --output FILE    write to FILE instead, with mode 0400: a new file is put in the place of the old one; a FILE that
                         is a symlink, or anything but a regular file, is refused
        --min-ttl TIME   require a credential that is valid for at least TIME, such as 3h; the daemon fetches a longer
                         session if it has none
        --wait TIME      wait up to TIME for a credential, 0s to \(RequestWait.longest.wholeSeconds)s; default \(RequestWait.standard.text) with --min-ttl or --scope, else \(RequestWait.ofCommandLine.text)

      \(terms("Formats", CredentialFormat.allCases.map { ($0.rawValue, $0.reader) }))

      \(terms("Fields", CredentialField.allCases.map { ($0.rawValue, $0.meaning) }))

      """
    case .wait:
      """
      usage: rolekeeper wait ROLE… [--min-ttl TIME] [--timeout TIME]

      Waits until each role has a valid credential, in its files too, and prints none. Also waits for a daemon that isn't
      running yet, or is restarted. Fails at once when the role can never have what is asked for.

        --min-ttl TIME  wait for a credential that is valid for at least TIME; 'wait' doesn't make the daemon fetch one
        --timeout TIME  wait up to TIME; default \(WaitCommand.usualTimeout.text)

      """
    case .watch:
      """
      usage: rolekeeper watch ROLE [--scope TASK] [--json] [--timeout TIME] [--exec COMMAND [ARGUMENT…]]

      Prints a line for the role's session and for each one that takes its place, until interrupted. Goes on over restarts of
      the daemon, and makes up for a session that was missed meanwhile.

        --scope TASK    follow the session of the role's scope TASK, which isn't dropped meanwhile
        --json          print the event's line of JSON
        --timeout TIME  give up when the daemon can't be reached for TIME; by default only at the start
        --exec COMMAND  run COMMAND for each of these sessions, without a shell; every word after --exec belongs to it

      COMMAND has the variables ROLEKEEPER_ROLE, ROLEKEEPER_GENERATION and ROLEKEEPER_EXPIRATION, with --scope also
      ROLEKEEPER_SCOPE, and no credential. It runs once at a time: for sessions that come meanwhile it runs once more
      afterwards. Its failure is reported and doesn't end the watch, which waits for its end in any case. Signals that end
      programs, such as SIGTERM, are passed on to it and end the watch after it, \(WatchCommand.grace.text) later at the latest.

      """
    case .exec:
      """
      usage: rolekeeper exec ROLE [OPTION…] -- COMMAND [ARGUMENT…]

      Runs COMMAND, without a shell, with the role's credential and without variables of other credentials. Signals are passed
      on to it. The exit status is that of COMMAND; if a signal ends COMMAND, exec ends by the same signal.

        --format FORMAT      with env, the default, the credential is in the variables that 'get --format env' prints, which
                             stay as they are while COMMAND runs; with another format of 'get' it is in a private file
                             that follows each rotation, and ROLEKEEPER_CREDENTIALS_FILE has its path
        --template FILE      the same with a template, as for get; it is read once
        --scope TASK         as for get; ROLEKEEPER_SCOPE has its name
        --min-ttl TIME       as for get
        --wait TIME          as for get
        --renew HOW          when the role has a new session: restart ends COMMAND by SIGTERM, after \(ExecMachine.grace.text) by SIGKILL,
                             and starts it with the new session; signal=HUP sends it a signal when the file has been
                             replaced (HUP, INT, QUIT, USR1, USR2, TERM, WINCH); none, the default
        --end-before-expiry  end COMMAND, by SIGTERM and after \(ExecMachine.grace.text) by SIGKILL, a minute before its session expires,
                             or a tenth of the session's remaining life if that is less
        --uri                COMMAND gets no credential but the role's loopback URI, where SDKs fetch sessions as long as it
                             runs: ALIBABA_CLOUD_CREDENTIALS_URI and AWS_CONTAINER_CREDENTIALS_FULL_URI; other sources of
                             these SDKs are switched off with their files, so give a region by a variable; without a session
                             in time nothing is run; takes [loopback] in the settings, and the user or group in the role's
                             allow, or in that of the scope
        --drop-proxy         with --uri: run COMMAND without HTTP_PROXY, http_proxy, ALL_PROXY and all_proxy, which make some
                             SDKs ask the proxy for the credential; without this option, a set one is refused

      """
    case .check:
      """
      usage: rolekeeper check [--config FILE] [--online [--role ROLE…] [--json]] [--print-polkit | --print-policy]

      Checks the settings, and reports on stdout each error and warning with its file, its line, and what to write instead.
      When root runs it, the settings are checked as the daemon's user, and so is the AccessKey that the unit's
      LoadCredential= names. STS isn't asked unless there is --online.

      With --online, STS is then asked as the daemon would ask: whether each endpoint answers, whose each AccessKey is, and
      for a session of each role with its duration, and another with its max_duration if that is longer. The sessions are
      thrown away, and a running daemon isn't involved. Each line begins with ok, note, warning, failed or skipped; the line
      below says what to do.

      The rule of --print-polkit belongs in \(StandardPath.polkitRule), which polkit reads at once.

        --config FILE   the settings; default /etc/rolekeeper/rolekeeper.toml
        --online        ask STS, too, at most requests_per_second times a second
        --role ROLE     with --online, try this role alone; may be given several times
        --json          with --online, print all findings as one line of JSON
        --print-polkit  print instead the polkit rule that lets the daemon reload the units in refresh_units
        --print-policy  print instead the least policies in RAM with which the settings work, each as a line of JSON: for
                        each source what its RAM user must be allowed, for each role which users it must trust; stderr
                        says which is which

      """
    case .policy:
      """
      usage: rolekeeper policy test ROLE [--scope TASK] ACTION RESOURCE [KEY=VALUE…] [--config FILE]

      Reports whether ROLE's session policy allows a request, and which statement of which file decides that. Reads the
      settings as 'check' does, and asks neither STS nor the daemon. What the role itself may do is only known in RAM: a
      session may do what the role and the session policy both allow.

        ACTION     the operation, such as oss:PutObject
        RESOURCE   the resource, such as 'acs:oss:*:*:bucket/a.mp4', or '*' for an operation without one
        KEY=VALUE  a condition key that the request has, such as acs:SourceIp=192.0.2.7; those that were left out and matter
                   are reported

        --scope TASK   test the policy of the role's scope TASK
        --config FILE  the settings; default /etc/rolekeeper/rolekeeper.toml

      """
    case .source:
      """
      usage: rolekeeper source test FILE [--source NAME] [--role ROLE…] [--json] [--config FILE]

      Tries the AccessKey in FILE before it is put in place: whose it is, and whether STS issues a session to each role of
      the settings by it. The sessions are thrown away; neither the settings nor a running daemon is touched. FILE is in any
      form that the daemon reads; - is standard input. Each line begins with ok, note, warning, failed or skipped; the line
      below says what to do. The secret is never printed.

        --source NAME  try only the roles that this source signs for
        --role ROLE    try this role alone; may be given several times
        --json         print the findings as one line of JSON
        --config FILE  the settings; default /etc/rolekeeper/rolekeeper.toml

      """
    case .doctor:
      """
      usage: rolekeeper doctor [--as USER] [--json] [--config FILE]

      Looks at what rolekeeper and the programs that use it need on this host: settings, service, name servers, proxy,
      endpoints of STS, AccessKeys, the clock, the socket and the roles behind it, what the user may read, and variables
      and files that hide rolekeeper from programs. Changes nothing, and has no session issued. Each line begins with ok,
      note, warning, failed or skipped; the line below says what to do. Root looks at more than other users.

        --as USER      look at the rights and the files of USER, as root; default the user who runs it, or nobody's for root
        --json         print the findings as one line of JSON
        --config FILE  the settings; default /etc/rolekeeper/rolekeeper.toml

      """
    case .reload:
      """
      usage: rolekeeper reload [--allow-removal]

      Makes the daemon read its settings again. Bad settings are reported and change nothing. Settings that look cut off are
      refused too: no role is left, a file has lost all its roles, or a role has lost all its readers or files. For
      administrators.

        --allow-removal  accept settings that look cut off, because the roles, readers or files were removed on purpose

      """
    case .report:
      """
      usage: rolekeeper report ROLE [--scope TASK] [ACCESSKEYID]

      Reports that a cloud service refuses a session of the role. The daemon asks STS about the session and prints one word
      within 10 s:

        condemned  STS doesn't accept the session any more; from now on readers get another one
        in-use     STS accepts the session: the service has another reason to refuse it, such as a missing permission, or a
                   policy that denies the session, which STS doesn't look at
        unchecked  STS couldn't be asked, and the session stays in use; stderr says why, and when to report it again

      ACCESSKEYID names the session, STS.…; without it, the one that a read gets now is reported. For everybody who may read
      the role, or with --scope its scope TASK.

      """
    case .whoHad:
      """
      usage: rolekeeper who-had ACCESSKEYID [--since WHEN]
             rolekeeper who-had --unit UNIT [--since WHEN]

      Prints who was handed a session, or which sessions a unit was handed, from the journal: once for each session, user,
      unit and program, over the socket or by LoadCredential=, and again after each restart of the daemon. A credential file
      is listed when a session was written to it, with its owner, group and mode; who read it can't be known. Then prints how
      far back the journal goes. Only entries that \(RolekeeperUnit.service) wrote count; it writes none while 'log.level' is
      "warning" or "error". Needs the right to read the system's journal: root, or the group systemd-journal. The daemon
      doesn't have to run.

        --unit UNIT   the unit, such as encode.service
        --since WHEN  only what came since then, in local time, as for journalctl: '2026-11-30 12:00', '2 days ago', yesterday

      """
    case .refresh:
      """
      usage: rolekeeper refresh ROLE

      Makes the daemon fetch a new session for the role now, waits up to 30 s for it, and reports the outcome. For
      administrators.

      """
    }
  }

  private static let timeout = LocalClient.standardTimeout.text

  private static let general = """
    usage: rolekeeper [--socket PATH] COMMAND …

    Talks to rolekeeperd, which keeps temporary Alibaba Cloud credentials for the programs of this host.

      status [ROLE]              show the status of all roles, or of one
      get ROLE                   print a role's credential
      wait ROLE…                 wait until roles have a valid credential
      watch ROLE                 print a line for each new session of a role, or run a command for it
      exec ROLE -- COMMAND       run a command with a role's credential
      check                      check the settings, and what STS says of them
      policy test ROLE …         test what a role's session policy allows
      doctor                     find out what is wrong on this host
      source test FILE           try an AccessKey before it is put in place
      reload                     make the daemon read its settings again
      refresh ROLE               make the daemon fetch a new session now
      report ROLE [ACCESSKEYID]  report a session that a cloud service refuses
      who-had ACCESSKEYID        show who was handed a session, by the journal
      help COMMAND               show a command's options and exit statuses

      --socket PATH   the daemon's socket; default $ROLEKEEPER_SOCKET, or else \(StandardPath.socket)
      --timeout TIME  give up when the command takes longer than TIME, at least 1s; default \(timeout), for get, exec and refresh
                      \(timeout) more than they wait, for reload \(ReloadCommand.usualTimeout.text), for wait \(WaitCommand.usualTimeout.text)
      --version       print the version and exit
      --help          print this help, or a command's, and exit

    TIME is a number with a unit: 90s, 30min, 2h or 1h30min.

    \(list("Exit status (each command's --help says more)", ExitStatus.general))
    """
}
