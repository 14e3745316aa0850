/// A role as an earlier process of the daemon left it.
package struct ResumedRole {
  /// The latest number that readers know.
  package let generation: UInt64
  /// Whether nobody can have published a later one. If somebody can, the role goes on above what else is known.
  package let isGenerationExact: Bool
  /// How many sessions were issued, for `{slot}`.
  package let issued: Int
  /// In the order in which they were issued; at most one is reserved.
  package let sessions: [HandoverSession]
  /// The number of the one that plain reads got; nil when none was.
  package let published: UInt64?
  /// Whether the settings request sessions in another way by now: these stay good, and the next one is fetched at once.
  package let isRequestChanged: Bool

  package init(
    generation: UInt64, isGenerationExact: Bool, issued: Int, sessions: [HandoverSession], published: UInt64?,
    isRequestChanged: Bool
  ) {
    self.generation = generation
    self.isGenerationExact = isGenerationExact
    self.issued = issued
    self.sessions = sessions
    self.published = published
    self.isRequestChanged = isRequestChanged
  }
}
