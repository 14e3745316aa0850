"""What no program says of itself. A section is its title and its parts: a paragraph, a list of terms with their meanings, or lines."""

SUMMARIES = {
    "rolekeeper": "get and look after temporary Alibaba Cloud credentials of this host",
    "rolekeeperd": "keep temporary Alibaba Cloud credentials for the programs of this host",
    "vod-upload": "upload videos to ApsaraVideo VOD with a role's credential",
    "sts-emulator": "local RAM, STS, VOD and OSS for demonstrations and tests",
    "rolekeeper.toml": "settings of rolekeeperd",
}

SECTIONS = {"rolekeeper": 1, "rolekeeperd": 8, "vod-upload": 1, "sts-emulator": 1, "rolekeeper.toml": 5}

SOCKET = ("/run/rolekeeper/rolekeeper.sock", "The socket that readers connect to.")
SETTINGS = ("/etc/rolekeeper/rolekeeper.toml", "The settings. See rolekeeper.toml(5).")
README = ("/usr/share/doc/rolekeeper/README.md", "The manual, with a table of errors, their causes and fixes.")

MORE = {
    "rolekeeper": [
        ("ENVIRONMENT", [[
            ("ROLEKEEPER_SOCKET", "The path of the daemon's socket, unless --socket is given."),
            ("NO_COLOR, TERM", "If NO_COLOR is set, or TERM is dumb, status uses no colours."),
        ]]),
        ("FILES", [[SOCKET, SETTINGS, README]]),
        ("EXAMPLES", [
            "A profile of the aliyun command line or of an SDK, in ~/.aliyun/config.json:",
            ("lines", ['{"mode": "External", "process_command": "rolekeeper get uploader", …}']),
            "Variables for the commands of a script:",
            ("lines", ['variables=$(rolekeeper get uploader --format env) || exit', 'eval "$variables"']),
            "A credential that lasts for a job of three hours:",
            ("lines", ["rolekeeper get uploader --min-ttl 3h"]),
            "A script that goes on when there is a credential, whether the daemon runs yet or not:",
            ("lines", ["rolekeeper wait uploader --timeout 2min && upload"]),
        ]),
        ("SEE ALSO", ["rolekeeperd(8), rolekeeper.toml(5), vod-upload(1)"]),
    ],
    "rolekeeperd": [
        ("SIGNALS AND RELOADING", [
            "SIGTERM and SIGINT shut the daemon down cleanly. SIGHUP reloads the settings; the outcome is in the journal.",
            "systemctl reload rolekeeper runs rolekeeper reload, which asks for the reload over the socket, waits for the outcome, and"
            " fails if the new settings are bad; the old ones stay in force then.",
        ]),
        ("SYSTEMD", [
            "The unit rolekeeper.service starts the daemon as the user rolekeeper, with the AccessKey as a credential (LoadCredential=)"
            " and a watchdog. If rolekeeper.socket is enabled, systemd holds the socket: clients wait while the daemon starts or is"
            " restarted, and with settings that can't be used the daemon stays up and answers each request with 503 and the reason.",
            "The service is active once each role's first attempt has succeeded or failed, after 10 s at the latest; if a role has required ="
            " true, once that has a credential, however long it takes. While the unit starts, systemctl"
            " reload waits as long as the start does, and rolekeeper reload works at once.",
            "Other units load a role's credential by LoadCredential=ROLE:/run/rolekeeper/credentials.sock, or ROLE.FORMAT, if"
            " rolekeeper-credentials.socket is enabled or the settings have [credentials], and the role's allow has the unit. A unit that"
            " gets none fails to start, with status 243; the reason is in the journal: journalctl UNIT=NAME.",
        ]),
        ("JOURNAL", [
            "Each kind of line has a MESSAGE_ID, and fields whose names begin with ROLEKEEPER_. Their meanings, causes and fixes are"
            " in the journal's catalog:",
            ("lines", ["journalctl -xu rolekeeper", "journalctl -u rolekeeper ROLEKEEPER_ROLE=uploader"]),
        ]),
        ("FILES", [[
            SETTINGS,
            ("/etc/rolekeeper/roles.d/*.toml", "More roles."),
            ("/etc/rolekeeper/access-key",
             "The AccessKey as the RAM console's CSV, JSON, or NAME=value lines. Mode 0400, owned by root: systemd passes it on."),
            SOCKET,
            ("/run/rolekeeper/credentials.sock", "The socket from which systemd loads other units' credentials."),
            ("/run/rolekeeper/roles/ROLE/", "The role's credential files, if its settings name files."),
            ("/run/rolekeeper/generations", "The roles' generations, which go on after a restart."),
            README,
        ]]),
        ("SEE ALSO", ["rolekeeper(1), rolekeeper.toml(5), vod-upload(1), journalctl(1), systemd.exec(5)"]),
    ],
    "vod-upload": [
        ("ENVIRONMENT", [[
            ("ROLEKEEPER_SOCKET", "The path of the daemon's socket, unless --socket is given."),
            ("https_proxy, no_proxy", "An HTTP proxy, and the hosts that are reached without it, unless --proxy is given."),
        ]]),
        ("FILES", [[
            ("vod-upload.journal", "In the working directory, unless --journal names another: what this batch has uploaded."),
            ("NAME.json", "Beside a video NAME: its title, description and so on."),
            ("/etc/rolekeeper/vod-upload.policy.json", "A session policy for the role, which allows what an upload needs and nothing else."),
            ("/usr/share/doc/rolekeeper/docs/vod-upload.md", "The manual."),
        ]]),
        ("EXAMPLES", [
            "A directory and all below:",
            ("lines", ["vod-upload --role uploader ~/videos"]),
            "Files as they appear, until a signal:",
            ("lines", ["vod-upload --watch /srv/incoming --json"]),
        ]),
        ("SEE ALSO", ["rolekeeper(1), rolekeeperd(8)"]),
    ],
    "sts-emulator": [("SEE ALSO", ["rolekeeperd(8), vod-upload(1)"])],
    "rolekeeper.toml": [
        ("EXAMPLES", [
            "A role whose credential the group media reads over the socket, and the user uploader from a file:",
            ("lines", [
                "[source.main]", 'type = "access-key"', 'credential = "access-key"', "", "[roles.uploader]",
                'role_arn = "acs:ram::1234567890123456:role/ramtestupload"', 'allow = { groups = ["media"] }', "",
                "[[roles.uploader.files]]", 'path = "credentials.env"', 'format = "env"', 'owner = "uploader"',
            ]),
        ]),
        ("FILES", [[SETTINGS, ("/etc/rolekeeper/roles.d/*.toml", "More roles, in the order of the files' names.")]]),
        ("SEE ALSO", ["rolekeeper(1), rolekeeperd(8)"]),
    ],
}

SETTINGS_DESCRIPTION = [
    "rolekeeperd reads its settings from /etc/rolekeeper/rolekeeper.toml, and more roles from the files roles.d/*.toml beside it,"
    " which have tables [roles.NAME] only. The format is TOML. Keys that aren't listed here are refused.",
    "Durations are strings of whole numbers with the units h, min and s: \"90s\", \"20min\", \"1h30min\". Permissions are octal strings:"
    " \"0640\". Only root and the daemon's user may be able to write to the files, to roles.d, to the session policies, and to the"
    " directories that hold them.",
    "rolekeeper check lists each error with its file, its line and what to write instead. systemctl reload rolekeeper puts the settings"
    " in force; bad ones, and files that look cut off, are refused, and change nothing.",
]
