import SystemBox

/// The settings that the tests start from.
enum SettingsText {
  static let usual = "\(sts)\(uploader)\(backup)"

  static let sts = """
    [source.main]
    type = "access-key"
    credential = "access-key"

    [sts]
    endpoint = "\(InstalledHost.stsName)"
    ca_file = "/run/sts-emulator/ca.pem"
    requests_per_second = 50

    [socket]
    group = "rolekeeper-clients"

    """

  static let uploader = """
    [roles.uploader]
    role_arn = "acs:ram::1234567890123456:role/uploader"
    allow = { groups = ["media"] }

    [[roles.uploader.files]]
    path = "credentials.json"
    format = "json"
    owner = "uploader"
    group = "media"
    mode = "0440"

    [[roles.uploader.files]]
    path = "credentials.env"
    format = "env"
    owner = "uploader"

    """

  static let backup = """
    [roles.backup]
    role_arn = "acs:ram::1234567890123456:role/backup"
    allow = { users = ["root"] }

    """
}
