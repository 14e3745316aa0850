package import Core
import Systemd

/// Chooses the region of STS that each request goes to, and learns what came of it. Regions are named by their endpoints.
package protocol RegionGuide: AnyObject {
  /// The region for a call's next request, besides those that it has asked, which takes a token of that region; the first request
  /// always gets one. Nil if no other region has a token.
  func nextRegion(besides asked: [String]) -> String?

  /// The same for a request of another API, of which STS keeps a separate count: nil if no other region works.
  func nextRegionForCheck(besides asked: [String]) -> String?

  /// The region gave an answer that shows it at work; `isGranted` if that is a session.
  func regionAnswered(_ region: String, isGranted: Bool)

  /// The region gave no answer, or one that says that it fails; `wait` is what it requested.
  func regionFailed(_ region: String, wait: Duration?)

  /// The account's quota in the region is used up; `wait` is what it requested.
  func regionThrottled(_ region: String, wait: Duration?)

  /// In the host's order; empty if there is only one.
  var regionStates: [RegionalRate.State] { get }
}

extension Refresher: RegionGuide {
  package func nextRegion(besides asked: [String]) -> String? {
    schedule.nextRegion(besides: asked, at: scheduler.time)
  }

  package func nextRegionForCheck(besides asked: [String]) -> String? {
    schedule.nextRegionForCheck(besides: asked, at: scheduler.time)
  }

  package func regionAnswered(_ region: String, isGranted: Bool) {
    schedule.regionAnswered(region, isGranted: isGranted, at: scheduler.time)
  }

  package func regionFailed(_ region: String, wait: Duration?) {
    schedule.regionFailed(region, wait: wait, at: scheduler.time, using: &chance)
  }

  package func regionThrottled(_ region: String, wait: Duration?) {
    schedule.regionThrottled(region, wait: wait, at: scheduler.time, using: &chance)
  }

  package var regionStates: [RegionalRate.State] { schedule.regionStates(at: scheduler.time) }

  /// Takes up other regions, in the host's order; those that stay keep their rates.
  package func setRegions(_ names: [String]) { schedule.setRegions(names, at: scheduler.time) }

  /// Takes up the share of a host among `size` that start together; before any role is added.
  package func joinFleet(of size: Int) { schedule.joinFleet(of: size, at: scheduler.time, using: &chance) }

  /// Changes the fleet's size after a reload.
  package func setFleet(_ size: Int) { schedule.setFleet(size) }

  /// Somebody waits for a role that has no session: it goes before others of its kind until it has one.
  package func readersWait(for role: ManagedRole) {
    if !role.isDerived { schedule.readersWait(for: role.slot) }
  }
}
