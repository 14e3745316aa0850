# fish completion of rolekeeperd. Made by Tests/Tools/manual/manual from its --help.

function __rolekeeper_roles
    rolekeeper status --timeout 2s 2>/dev/null | sed -n '/^ROLE /,/^$/s/^\([a-z0-9][a-z0-9_-]*\)  *\(valid\|failing\|below-floor\|lapsed\|waiting\) .*/\1/p'
end

complete -c rolekeeperd -f
complete -c rolekeeperd -l config -r -F -d 'the settings; default /etc/rolekeeper/rolekeeper.toml'
complete -c rolekeeperd -l strict -d 'exit with 78 if the settings can\'t be used, also where systemd passed a socket, which would otherwise be served to answer what is wrong, or where an earlier process left good ones'
complete -c rolekeeperd -l check -d 'check the settings and the AccessKeys without asking STS, report on stdout what is wrong, and exit; when root runs it, they are checked as the daemon\'s user, and so is the AccessKey that the unit\'s LoadCredential= names'
complete -c rolekeeperd -l user -x -a '(__fish_complete_users)' -d 'with --check, as root: check as this user; default the installed unit\'s user, or else rolekeeper'
complete -c rolekeeperd -l online -d 'with --check: then ask STS for a session of each role, and throw it away'
complete -c rolekeeperd -l role -x -a '(__rolekeeper_roles)' -d 'with --online: ask for this role alone; may be given several times'
complete -c rolekeeperd -l json -d 'with --online: report all findings as one line of JSON'
complete -c rolekeeperd -l print-polkit -d 'with --check: print instead the polkit rule that lets the daemon reload the units in refresh_units'
complete -c rolekeeperd -l print-policy -d 'with --check: print instead the least policies in RAM with which the settings work, each as a line of JSON; what each one is for is on stderr'
complete -c rolekeeperd -l version -d 'print the version and exit'
complete -c rolekeeperd -l help -d 'print this help and exit'
