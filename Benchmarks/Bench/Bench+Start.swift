/// From the start of the process to READY.
extension Bench {
  func measureStart(_ report: inout Report) throws {
    let stage = try Stage(roles: 10, delayMilliseconds: 1)
    var times: [Double] = []
    for _ in 0..<form.starts { times.append(try stage.start()) }
    report.add(
      "Start to READY",
      "10 roles, STS 1 ms away; the median of \(form.starts) starts. With sessions that were handed over: see Restart.",
      [.bounded("start-to-ready", "ms", median(times), atMost: 60)])
  }
}
