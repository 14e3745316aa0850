package import Core

/// Why a tier can't hold a role's floor on this host, and which settings it can hold.
package struct FloorShortfall {
  private let life: Duration
  private let stage: HostStage
  private let timing: RoleTiming

  /// `life` is the least with which sessions leave the tier. Nil if that is enough.
  package init?(life: Duration, on stage: HostStage, for timing: RoleTiming) {
    guard life < stage.neededLife(for: timing) else { return nil }
    (self.life, self.stage, self.timing) = (life, stage, timing)
  }

  /// Half a sentence with the figures.
  package var problem: String {
    "its sessions live at least \(life.text), and \(stage.refresh.text) until the next bundle + floor \(timing.floor.text) + survive_outage \(timing.surviveOutage.text) + \(stage.recovery.text) for retries are needed"
  }

  /// The nearest settings, each of them sufficient alone.
  package var remedy: String {
    let left = life - stage.refresh - stage.recovery
    let here = [("floor", left - timing.surviveOutage), ("survive_outage", left - timing.floor)].compactMap {
      name, value in value < .zero ? nil : "\(name) = \"\(value.roundedDown.text)\""
    }
    let missing = Duration.seconds((stage.neededLife(for: timing) - life).wholeSeconds + 1)
    let there = "have its sessions live \(missing.text) longer, by 'duration', 'pool' or 'refresh_after' on the tier"
    return here.isEmpty ? there : "write \(here.joined(separator: ", or ")), or \(there)"
  }
}
