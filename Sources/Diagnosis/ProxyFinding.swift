package import Settings

/// The proxy on the way to STS, and what this process's environment says of one.
package struct ProxyFinding {
  package let finding: Finding?

  /// `environment` is that of this process; the daemon reads no proxy from its own.
  package init(_ sts: STSSettings, reachesSTS: Bool, environment: [String: String]) {
    let names = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"].filter { environment[$0]?.isEmpty == false }
    if let proxy = sts.proxy {
      finding = reachesSTS ? Finding(.ok, "proxy \(proxy.address.url)", "STS is reached through it") : nil
    } else if !reachesSTS, !names.isEmpty {
      finding = Finding(
        .warning, "proxy", "this environment has \(names.joined(separator: ", ")), and the settings have no proxy",
        next: "if this host reaches STS by a proxy only, write proxy = \"http://HOST:PORT\" in [sts]")
    } else {
      finding = nil
    }
  }
}
