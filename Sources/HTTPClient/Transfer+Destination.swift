import CCurl
import Core
import Glibc

/// Where the request goes: the server by its URL, the addresses that are tried, and the time that they get.
extension Transfer {
  /// Sets the request's destination. Path and query are set separately and unchanged: otherwise libcurl assembles the URL again for
  /// each request, character by character.
  func address(_ url: String) {
    if isAddressedAtSite(url) { return }
    let start = url.urlAuthority?.endIndex ?? url.endIndex
    let site = url[..<start]
    if site != self.site {
      must(ccurl_set_string(easy, CURLOPT_URL, site + "/"))
      self.site = String(site)
      named = usesSocket ? nil : HostToLookUp(url: url)
      chooseProxy(for: url)
    }
    let target = Substring(url.utf8[start...].prefix { $0 != UInt8(ascii: "#") })
    let isWhole = target.utf8.first == UInt8(ascii: "/")
    must(ccurl_set_string(easy, CURLOPT_REQUEST_TARGET, isWhole ? String(target) : "/" + target))
  }

  /// Sets the path and query for the server of the request before; false for another server, or if the URL has more or less than
  /// path and query.
  private func isAddressedAtSite(_ url: String) -> Bool {
    let start = site.utf8.count
    return url.withCString { text in
      guard start > 0, site.withCString({ strncmp(text, $0, start) == 0 }),
        text[start] == CChar(bitPattern: UInt8(ascii: "/")), strchr(text + start, CInt(UInt8(ascii: "#"))) == nil
      else { return false }
      must(ccurl_set_string(easy, CURLOPT_REQUEST_TARGET, text + start))
      return true
    }
  }

  private func chooseProxy(for url: String) {
    guard let proxy, proxy.exemptions.contain(hostOf: url) == usesProxy else { return }
    usesProxy.toggle()
    must(ccurl_set_string(easy, CURLOPT_PROXY, usesProxy ? proxy.url : ""))
  }

  /// Makes libcurl connect to these addresses of `host` without a look-up.
  func use(_ addresses: [String], of host: HostToLookUp) {
    self.host = host
    self.addresses = AddressesToTry(addresses)
    tryNextAddresses()
  }

  /// Moves on to addresses that haven't been tried; false if there are none.
  @discardableResult
  func tryNextAddresses() -> Bool {
    guard let host, addresses.goOn() else { return false }
    detail[0] = 0
    curl_slist_free_all(resolved)
    let list = addresses.current.map { $0.contains(":") ? "[\($0)]" : $0 }.joined(separator: ",")
    resolved = curl_slist_append(nil, "\(host.name):\(host.port):\(list)")
    must(ccurl_set_pointer(easy, CURLOPT_RESOLVE, resolved))
    return true
  }

  /// The addresses by which the request was sent or failed; empty if there was only one possibility.
  var usedAddresses: [String] {
    guard addresses.all.count > 1 else { return [] }
    return connectedAddress.map { addresses.all.contains($0) ? [$0] : [] } ?? addresses.current
  }

  /// The address that accepted the connection; nil until one has.
  var connectedAddress: String? {
    var text: UnsafePointer<CChar>?
    must(ccurl_get_string(easy, CURLINFO_PRIMARY_IP, &text))
    return text.flatMap { $0.pointee == 0 ? nil : String(cString: $0) }
  }

  var isConnected: Bool { connectedAddress != nil }

  /// Time limits for the parts of a request, once the address is known.
  struct Times {
    var connect: Duration
    var whole: Duration
    private var untilEnd: Duration

    /// A proxy looks up the host's name before it answers CONNECT, with a resolver that may be as slow as ours.
    init(_ settings: HTTPClient.Settings, proxyLooksUp: Bool) {
      untilEnd = settings.wholeTimeout
      connect = settings.connectTimeout + (proxyLooksUp ? settings.lookupTimeout : .zero)
      whole = proxyLooksUp ? untilEnd : settings.timeout
    }

    /// The rest of the limits after our own look-up.
    func after(_ elapsed: Duration) -> Times {
      var rest = self
      rest.untilEnd = max(untilEnd - elapsed, .milliseconds(1))
      rest.whole = min(whole, rest.untilEnd)
      return rest
    }

    /// The rest of the limits after addresses that accepted no connection; nil if no time is left.
    func afterAttempt(of elapsed: Duration) -> Times? {
      var rest = self
      rest.connect -= elapsed
      rest.whole -= elapsed
      rest.untilEnd -= elapsed
      return min(rest.connect, rest.whole) >= .milliseconds(1) ? rest : nil
    }
  }

  /// Sets the limits from `now` on, in µs (CLOCK_BOOTTIME). If there are further addresses, the current ones get half of the time
  /// for connecting.
  func limit(to times: Times, from now: Int64) {
    if self.times == nil { self.times = times }
    attempt = (now, times)
    addressDeadline = addresses.hasMore ? now + Int64(times.connect / .microseconds(1)) / 2 : nil
    if stallTimeout == nil, let limits, limits.connect == times.connect, limits.whole == times.whole { return }
    must(ccurl_set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, times.connect.wholeMilliseconds))
    guard let stallTimeout else {
      must(ccurl_set_long(easy, CURLOPT_TIMEOUT_MS, times.whole.wholeMilliseconds))
      limits = times
      return
    }
    must(ccurl_set_long(easy, CURLOPT_TIMEOUT_MS, 0))
    must(ccurl_set_long(easy, CURLOPT_LOW_SPEED_LIMIT, 1))
    must(ccurl_set_long(easy, CURLOPT_LOW_SPEED_TIME, max(1, Int(stallTimeout.components.seconds))))
    limits = nil
  }

  /// The time limits for other addresses at `now`, in µs; nil if no time is left.
  func timeLeft(at now: Int64) -> Times? {
    attempt.flatMap { $0.times.afterAttempt(of: .microseconds(now - $0.begun)) }
  }

  /// To be called when an address has accepted the connection.
  func forgetAddressDeadline() { addressDeadline = nil }
}

extension Duration {
  fileprivate var wholeMilliseconds: Int { Int(self / .milliseconds(1)) }
}
