import Settings
import Testing

@Suite struct OutputFindingTests {
  private static let own =
    "use a directory of its own: run: sudo install -d -o rolekeeper -m 0711 /srv/rolekeeper/uploader"
  private static let open =
    "let the unit write there: sudo systemctl edit rolekeeper, with the lines [Service] and ReadWritePaths=-/srv/rolekeeper/uploader; then run: sudo rolekeeper check && sudo systemctl restart rolekeeper"

  private static func file(_ lines: String) -> String { "[[roles.uploader.files]]\npath = \"a\"\n\(lines)" }

  @Test(arguments: [
    Finding(
      "a mode as a number", file("mode = 440"),
      #":11: roles.uploader.files.mode is a number, expected an octal string; write mode = "0440" or remove the line to use "0400""#
    ),
    Finding(
      "a mode as an octal number", file("mode = 0o640"),
      #":11: roles.uploader.files.mode is a number, expected an octal string; write mode = "0640" or remove the line to use "0400""#
    ),
    Finding(
      "a mode in letters", file("mode = \"rw-r-----\""),
      #":11: roles.uploader.files.mode is 'rw-r-----', expected permissions as octal digits; write mode = "0400" or remove the line"#
    ),
    Finding(
      "a mode with a sign", file("mode = \"-000\""),
      #":11: roles.uploader.files.mode is '-000', expected permissions as octal digits; write mode = "0400" or remove the line"#
    ),
    Finding(
      "a digit that isn't octal", file("mode = \"0480\""),
      #":11: roles.uploader.files.mode is '0480', expected permissions as octal digits; write mode = "0400" or remove the line"#
    ),
    Finding(
      "readable by everybody", file("mode = \"0444\""),
      #":11: roles.uploader.files.mode is '0444', which lets everybody on this host read the credential; write mode = "0440", or add allow_world_readable = true"#
    ),
    Finding(
      "writable by the group", file("mode = \"0660\""),
      #":11: roles.uploader.files.mode is '0660', which has permissions beyond 0640; write mode = "0640" or remove the line to use "0400""#
    ),
    Finding(
      "beyond even that", file("mode = \"0755\"\nallow_world_readable = true"),
      #":11: roles.uploader.files.mode is '0755', which has permissions beyond 0644; write mode = "0644" or remove the line to use "0400""#
    ),
    Finding(
      "not readable by its owner", file("mode = \"0040\""),
      #":11: roles.uploader.files.mode is '0040', which doesn't let the owner read; write mode = "0440" or remove the line to use "0400""#
    ),
    Finding(
      "an unknown owner", file("owner = \"nobody\"\ngroup = \"nogroup\""),
      ":11: roles.uploader.files.owner names user 'nobody', which this host doesn't know; correct the name, or run: sudo useradd --system nobody",
      ":12: roles.uploader.files.group names group 'nogroup', which this host doesn't know; correct the name, or run: sudo groupadd --system nogroup"
    ),
    Finding(
      "an owner without a name", file("owner = 4000"),
      #":11: roles.uploader.files.owner is user 4000, whose primary group this host doesn't know; write group = "NAME" too"#
    ),
    Finding(
      "format", file("format = \"yaml\""),
      #":11: roles.uploader.files.format is 'yaml', allowed are 'json', 'env', 'env-file', 'aws', 'aws-process', 'aws-container', 'odps', 'ossutil', 'aliyun-cli', 'template'; write format = "json" or remove the line"#
    ),
    Finding(
      "profiles that the daemon doesn't know",
      "[[roles.uploader.files]]\npath = \"/run/rolekeeper/config.json\"\nformat = \"aliyun-cli\"",
      #":11: roles.uploader.files.format is 'aliyun-cli', and the file would replace '/run/rolekeeper/config.json' with all profiles in it; write path = "config.json" and name the file by aliyun's --config-path; or run rolekeeper get uploader --format aliyun-cli --output FILE, which keeps other profiles"#
    ),
    Finding(
      "a template that isn't named", file("format = \"template\""),
      #":9: roles.uploader.files.template is missing, and format is 'template'; set template to a path, relative to this file or absolute"#
    ),
    Finding(
      "a template for another format", file("format = \"env\"\ntemplate = \"t\""),
      #":12: roles.uploader.files.template is written, and format is 'env'; write format = "template" or remove the line"#
    ),
    Finding(
      "a template that isn't there", file("format = \"template\"\ntemplate = \"t\""),
      ":12: roles.uploader.files.template names '/etc/rolekeeper/t', which can't be read: there is no such file; correct the path"
    ),
    Finding(
      "names of the directory's own",
      "[[roles.uploader.files]]\npath = \"current\"\n[[roles.uploader.files]]\npath = \"a/b\"",
      #":10: roles.uploader.files.path is 'current', expected a file name in the role's directory, or an absolute path, not 'current', 'gen-…' or '.…'; choose another name: the role's directory uses these names itself"#,
      #":12: roles.uploader.files.path is 'a/b', which is neither a file name nor an absolute path; write path = "b""#
    ),
    Finding(
      "into the daemon's directory", "[[roles.uploader.files]]\npath = \"/run/rolekeeper/roles/uploader/a\"",
      ":10: roles.uploader.files.path is '/run/rolekeeper/roles/uploader/a', which lies in the daemon's own directory; write path = \"a\", which is then /run/rolekeeper/roles/uploader/a"
    ),
    Finding(
      "into another role's directory", "[[roles.uploader.files]]\npath = \"/run/rolekeeper/roles/reports/a\"",
      ":10: roles.uploader.files.path is '/run/rolekeeper/roles/reports/a', which lies in the directory of role 'reports'; write path = \"a\", which is then /run/rolekeeper/roles/uploader/a"
    ),
    Finding(
      "the daemon's directory itself", "[[roles.uploader.files]]\npath = \"/run/rolekeeper/roles\"",
      ":10: roles.uploader.files.path is '/run/rolekeeper/roles', which lies in the daemon's own directory; write a file's name alone, which is then in /run/rolekeeper/roles/uploader"
    ),
    Finding(
      "the same file from two roles",
      "[[roles.uploader.files]]\npath = \"/srv/a\"\n[roles.reports]\nrole_arn = \"acs:ram::1234567890123456:role/a\"\n[[roles.reports.files]]\npath = \"/srv/a\"",
      ":14: roles.reports.files.path is '/srv/a', which is roles.uploader.files.path too (:10); give it a path of its own"
    ),
    Finding(
      "with ..", "[[roles.uploader.files]]\npath = \"/run/../etc/passwd\"",
      #":10: roles.uploader.files.path is '/run/../etc/passwd', which has '..', a control character, a name of more than 200 bytes, or no name at its end; write the absolute path without that"#
    ),
    Finding(
      "one path twice", "[[roles.uploader.files]]\npath = \"/srv/a\"\n[[roles.uploader.files]]\npath = \"//srv/./a\"",
      ":12: roles.uploader.files.path is '/srv/a', which is roles.uploader.files.path too (:10); give it a path of its own"
    ),
    Finding(
      "one name twice",
      "[[roles.uploader.files]]\npath = \"a\"\n[[roles.uploader.files]]\npath = \"a\"\nformat = \"env\"",
      ":12: roles.uploader.files.path is '/run/rolekeeper/roles/uploader/a', which is roles.uploader.files.path too (:10); give it a path of its own"
    ),
    Finding(
      "onto the settings", "[[roles.uploader.files]]\npath = \"/etc/rolekeeper/rolekeeper.toml\"",
      ":10: roles.uploader.files.path is '', which is a file of the settings; give it a path of its own"),
    Finding(
      "onto the socket", "[[roles.uploader.files]]\npath = \"/run/rolekeeper/rolekeeper.sock\"",
      ":10: roles.uploader.files.path is '/run/rolekeeper/rolekeeper.sock', which is the socket's; give it a path of its own"
    ),
    Finding(
      "onto the generations", "[[roles.uploader.files]]\npath = \"/run/rolekeeper/generations\"",
      ":10: roles.uploader.files.path is '/run/rolekeeper/generations', which is where the daemon keeps generations; give it a path of its own"
    ),
    Finding(
      "onto the generations beside the socket",
      "[[roles.uploader.files]]\npath = \"/run/rolekeeper/rolekeeper.sock.generations\"",
      ":10: roles.uploader.files.path is '/run/rolekeeper/rolekeeper.sock.generations', which is where the daemon keeps generations; give it a path of its own"
    ),
    Finding(
      "onto the system's certificates", "[[roles.uploader.files]]\npath = \"/etc/ssl/certs/ca-certificates.crt\"",
      ":10: roles.uploader.files.path is '/etc/ssl/certs/ca-certificates.crt', which is the system's file of certificates; give it a path of its own"
    ),
    Finding(
      "among the settings", "[[roles.uploader.files]]\npath = \"/etc/rolekeeper/roles.d/new.toml\"",
      ":10: roles.uploader.files.path is '/etc/rolekeeper/roles.d/new.toml', which is in 'roles.d', whose files are read as settings; give it a path of its own"
    ),
    Finding(
      "onto the record of an output", "[[roles.uploader.files]]\npath = \"/srv/.a.rolekeeper-expires\"",
      ":10: roles.uploader.files.path is '/srv/.a.rolekeeper-expires', and names that end in '.rolekeeper-expires' are those of the daemon's own files beside an output; choose another name"
    ),
    Finding(
      "onto an output in the making", "[[roles.uploader.files]]\npath = \"/srv/.a.rolekeeper-new\"",
      ":10: roles.uploader.files.path is '/srv/.a.rolekeeper-new', and names that end in '.rolekeeper-new' are those of the daemon's own files beside an output; choose another name"
    ),
  ])
  func `an invalid output is reported with its line and what to write`(_ finding: Finding) { finding.check() }

  /// The credential was written over the policy.
  @Test func `an output over a policy is refused`() {
    var host = FakeHost()
    host.files["/etc/rolekeeper/p.json"] = FakeHost.File(
      text: #"{"Version":"1","Statement":[{"Effect":"Allow","Action":["oss:*"],"Resource":["*"]}]}"#)
    Finding(
      "", "policy_file = \"p.json\"\n[[roles.uploader.files]]\npath = \"/etc/rolekeeper/p.json\"",
      ":11: roles.uploader.files.path is '/etc/rolekeeper/p.json', which is read as roles.uploader.policy_file; give it a path of its own"
    ).check(on: host)
  }

  @Test func `an output over the file of the unit's credential is refused`() {
    var host = FakeHost()
    let unit =
      "[Service]\nExecStart=/usr/sbin/rolekeeperd --config \(FakeHost.path)\nLoadCredential=access-key:/srv/key\n"
    host.files["/usr/lib/systemd/system/rolekeeper.service"] = FakeHost.File(text: unit)
    host.files["/proc/self/cgroup"] = FakeHost.File(text: "0::/system.slice/rolekeeper.service\n")
    Finding(
      "", "[[roles.uploader.files]]\npath = \"/srv/key\"",
      ":10: roles.uploader.files.path is '/srv/key', which is read as the AccessKey of source.main; give it a path of its own"
    ).check(on: host)
  }

  /// The file held only one of the two credentials, and both roles were reported as written.
  @Test(arguments: [
    ("/srv/o/a", "/srv/link/a", "roles.uploader.files.path too (:10)"),
    ("/srv/link/a", "/srv/o/a", "roles.uploader.files.path too (:10)"),
  ])
  func `two paths to one file are recognized as the same file`(_ first: String, _ second: String, _ owner: String) {
    var host = FakeHost()
    host.links["/srv/link"] = "/srv/o"
    let which = second.contains("link") ? "which leads to '/srv/o/a', and that is" : "which is"
    Finding(
      "", "[[roles.uploader.files]]\npath = \"\(first)\"\n[[roles.uploader.files]]\npath = \"\(second)\"",
      ":12: roles.uploader.files.path is '\(second)', \(which) \(owner); give it a path of its own"
    ).check(on: host)
  }

  /// A file that the daemon reads may be a link; an output under either name would overwrite it.
  @Test(arguments: ["/etc/rolekeeper/ca.pem", "/srv/pki/ca.pem", "/srv/link/ca.pem"])
  func `an output may be neither at a link that is read nor at its target`(_ path: String) {
    var host = FakeHost()
    host.files["/etc/rolekeeper/ca.pem"] = FakeHost.File(text: "-----BEGIN CERTIFICATE-----\n")
    host.links["/etc/rolekeeper/ca.pem"] = "/srv/pki/ca.pem"
    host.links["/srv/link"] = "/srv/pki"
    let which = path.hasPrefix("/srv/link") ? "which leads to '/srv/pki/ca.pem', and that is" : "which is"
    Finding(
      "", "[[roles.uploader.files]]\npath = \"\(path)\"\n[sts]\nca_file = \"ca.pem\"",
      ":10: roles.uploader.files.path is '\(path)', \(which) read as sts.ca_file; give it a path of its own"
    ).check(on: host)
  }

  @Test func `a path through a link into the roles' directory is recognized`() {
    var host = FakeHost()
    host.links["/srv/link"] = "/run/rolekeeper/roles"
    Finding(
      "", "[[roles.uploader.files]]\npath = \"/srv/link/uploader/a\"",
      ":10: roles.uploader.files.path is '/srv/link/uploader/a', which lies in the daemon's own directory; write path = \"a\", which is then /run/rolekeeper/roles/uploader/a"
    ).check(on: host)
  }

  @Test(arguments: [
    Finding(
      "a directory of others", "[[roles.uploader.files]]\npath = \"/home/alice/a\"",
      ":10: roles.uploader.files.path is '/home/alice/a', and user 'alice' may write to its directory (its owner); \(own); write path = \"/srv/rolekeeper/uploader/a\"; \(open)"
    ),
    Finding(
      "a directory open to a group", "[[roles.uploader.files]]\npath = \"/srv/shared/a\"",
      ":10: roles.uploader.files.path is '/srv/shared/a', and group 'media' may write to its directory (mode 2775); \(own); write path = \"/srv/rolekeeper/uploader/a\"; \(open)"
    ),
    Finding(
      "no directory", "[[roles.uploader.files]]\npath = \"/srv/missing/a\"",
      ":10: warning: roles.uploader.files.path is '/srv/missing/a', and there is no directory '/srv/missing'; use a directory of its own: run: sudo install -d -o rolekeeper -m 0711 /srv/missing; let the unit write there: sudo systemctl edit rolekeeper, with the lines [Service] and ReadWritePaths=-/srv/missing; then run: sudo rolekeeper check && sudo systemctl restart rolekeeper"
    ),
    Finding(
      "everybody's directory", "[[roles.uploader.files]]\npath = \"/tmp/a\"",
      ":10: roles.uploader.files.path is '/tmp/a', and everybody may write to its directory (mode 1777); \(own); write path = \"/srv/rolekeeper/uploader/a\"; \(open)"
    ),
    Finding(
      "a directory whose user is unknown", "[[roles.uploader.files]]\npath = \"/srv/ghost/a\"",
      ":10: roles.uploader.files.path is '/srv/ghost/a', and user 4321 may write to its directory (its owner); \(own); write path = \"/srv/rolekeeper/uploader/a\"; \(open)"
    ),
    Finding(
      "a directory whose group is unknown", "[[roles.uploader.files]]\npath = \"/srv/ghosts/a\"",
      ":10: roles.uploader.files.path is '/srv/ghosts/a', and group 4321 may write to its directory (mode 0775); \(own); write path = \"/srv/rolekeeper/uploader/a\"; \(open)"
    ),
    Finding(
      "an unknown owner, whose directory it may be",
      "[[roles.uploader.files]]\npath = \"/srv/ghost/a\"\nowner = \"ghost\"",
      ":11: roles.uploader.files.owner names user 'ghost', which this host doesn't know; correct the name, or run: sudo useradd --system ghost"
    ),
    Finding("the owner's directory", "[[roles.uploader.files]]\npath = \"/home/alice/a\"\nowner = \"alice\""),
  ])
  func `an output's directory may be writable by nobody else`(_ finding: Finding) {
    var host = FakeHost()
    host.directories["/home/alice"] = FakeHost.File(uid: 1002, mode: 0o755)
    host.directories["/tmp"] = FakeHost.File(mode: 0o1777)
    host.directories["/srv/shared"] = FakeHost.File(gid: 2000, mode: 0o2775)
    host.missingDirectories.insert("/srv/missing")
    host.directories["/srv/ghost"] = FakeHost.File(uid: 4321, mode: 0o755)
    host.directories["/srv/ghosts"] = FakeHost.File(gid: 4321, mode: 0o775)
    finding.check(on: host)
  }

  @Test(arguments: ["0444", "0644"])
  func `with allow_world_readable, an output may be readable by everybody`(_ mode: String) {
    Finding("", Self.file("mode = \"\(mode)\"\nallow_world_readable = true")).check()
  }
}
