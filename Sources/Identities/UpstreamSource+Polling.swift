import CloudAPI
import Core
import Settings
import Systemd

/// Long polls: requests that the machine which gave the bundle holds back until a session in it was condemned.
extension UpstreamSource {
  func poll() {
    guard let held, let etag = held.etag, let wait = schedule.nextPoll(at: now) else { return arm() }
    let begun = now
    errand = .polling(
      connection.ask(.bundle(etag: etag, wait: wait), at: upstream.urls[held.place]) { [unowned self] reply in
        errand = .none
        endPoll(reply, of: held.place, asked: wait, begun: begun)
      })
    arm()
  }

  private func endPoll(_ reply: TierReply, of place: Int, asked wait: Duration, begun: Timestamp) {
    switch reply.answer {
    case .bundle(let bundle, let etag):
      schedule.pollBroughtBundle(begun: begun, at: now)
      // The request is old, so the date says nothing of this host's clock, and lives are counted from now.
      hold(
        Held(
          bundle: bundle, etag: etag, place: place, date: reply.date ?? serverTime(), sent: now, confirmed: now,
          isDateNews: false), refreshAfter: bundle.refreshAfter)
      goOn(afterAsking: [place])
      settle()
    case .unchanged:
      records[place].noteAnswer(at: now)
      held?.confirmed = now
      if schedule.pollBroughtNothing(after: wait, begun: begun, at: now, using: &chance) { poll() } else { arm() }
    case .failed, .reported:
      schedule.pollFailed(at: now, using: &chance)
      arm()
    }
  }
}
