package import Core

/// The events that the daemon logs, each with its id, level and phrase.
///
/// The raw value is the MESSAGE_ID in the journal (sd_journal_print(3), systemd.journal-fields(7)), by which `journalctl
/// MESSAGE_ID=…` and alerts find an event whatever its phrase is. It belongs to the event for good: never change one, and make one
/// for a new event with `systemd-id128 new`. A phrase is fixed and begins in lower case, except for a name (STS, AccessKey);
/// variable parts are in the fields.
package enum LogEvent: String, CaseIterable, Sendable {
  // MARK: The daemon
  /// Every role has a session or a failed attempt and file writes are over, or the longest wait for that is over.
  case ready = "0eb97b6c65dc44d3ae316190b744f7fd"
  /// The start isn't over while a required role has no credential.
  case waitingForRequired = "9ca086c0cbf94433ad0356c3edb9e5d1"
  case fatalError = "bacc6b51b0714e10a019353ed0f5a011"
  /// The daemon can't start, but stays up to report that on the socket that was passed to it.
  case notServing = "fecc5dfda19a43769891153e2c34d0ea"
  case inheritedNotUsed = "397d6d1461d543079d360b47934b5a8c"
  case restartForAccessKey = "0974239ab1874100a0012b16271cd399"
  case secretsNotLocked = "af1c73b128c94bcc8f13407e737c218f"
  /// Logged before the next line that the journal or stderr accepts.
  case logLinesLost = "1f73349ba29b4c3aaae3e27a808e0a53"

  // MARK: Settings
  case settingsError = "674a3150ffbb4e9e93b6b7bb6c78cc89"
  case settingsWarning = "ac679bc597414c49a4db6f7dbc7b18f1"
  case settingsNote = "fa9ca2ddced241ad9b79a826a2fb4e8e"
  case settingsReloaded = "80512757c3c743a78f71eae06b754979"
  case settingsNotReloaded = "8bf59be589964e99adc9336aa37ecd6d"
  /// As `settingsNotReloaded`, of a daemon that couldn't start.
  case settingsStillUnusable = "c7692fb7a7c94b5a9e07a1f6c49f411d"

  // MARK: Refreshes
  case credentialRefreshed = "ff2a160ee5e448ccabe992832d9c7866"
  case grantedLess = "5e27efa4dba548acb414d0708dc5b63e"
  case refreshFailedKeepingCredential = "6c53dd840add4f98a700a79f10e83d75"
  case refreshFailedWithoutCredential = "d40b0ce3088845dfb7a82e424dace5fb"
  case refreshStillFails = "a27dd4a809144ce7905d55c6c41f10e3"
  case firstSessionFetched = "a06a68c3e0c5454e8cc27a14ee27a7e9"
  case refreshRecovered = "8728177dc3f34f03be20329599580f2f"
  case belowFloor = "36a6d5f10a874a3ab2e985c2b1e81a0d"
  case lapsed = "30fc22ad2c374b3cb10f86d3c9d242ba"

  // MARK: Reserved sessions
  case reserved = "a35d65914e3b457493ad18c0c35059f9"
  case reservationServes = "7c5a3cee1a1544f8b66b2a73d75435bf"
  case reservationShorter = "ef7c25f8f8354fb68f0c554562fef756"
  case reservationFailed = "449fc37df10346a7b9a785d58261240c"

  // MARK: Sessions of users
  case tooManyUsers = "cab8c44c9c14449e8df87b430c9f2226"

  // MARK: Sessions that STS no longer accepts
  case condemnedUsingStandby = "2c238a593c8744f09ca1692dfffb8004"
  case condemnedFetchingAnother = "b78adc7c8cf9417bb93c8cedda5e3b64"
  case condemnedUnused = "c4f895f3400244db8c79c77d9eb8d532"
  case reportedSessionAccepted = "0b7274fc7f734187b9deab7a42dafd5f"
  case reportedSessionUnchecked = "094fcbde7e9b47888f42c9d366d58f39"

  // MARK: Readers
  /// Once for each session, user, unit and program.
  case handedOut = "60ebf01b8c2f465fb38c90d16c50ed0e"
  case handedOutToMore = "f39ade30dffb4cc99a5b3e096e76348f"
  case refused = "2da7a96ee13d4f40beec35d809ee0347"
  case refusedAgain = "bc2a534f0bcc4fb2836e558a0a36aede"
  case refusedForTooMany = "aca115f6847749879a9acebfd292a318"
  case floods = "5ae1cedf950845b0ae49d69e6d20e5b8"
  case floodsAgain = "689d8643102e4ea2872113d579046eb4"
  case acceptPaused = "764626a34901415e8c029bb37dc1e60c"
  case fewerConnections = "daea26530bb74294bf19cbdabaee45a6"
  case socketReplaced = "5bc872175764411f8ec196966d5f034a"
  case socketNotReplaced = "41438926d0b04aa391bb5ba57ea8461e"
  case loopbackNotServed = "f9add5ae57db48b2964f370f1d0c78a2"
  case loopbackServed = "096e2e33093743e6941b558e5c90e880"

  // MARK: Other units' credentials
  case unitRefused = "bea9305df6284240879f618873b66cc7"
  case unitRefusedAgain = "27c37e331b7a4b029d242271aa46fa03"

  // MARK: Units reloaded after a rotation
  case unitRefreshed = "b3c20608c06e43f9a921f91d71f22870"
  case unitNotRunning = "6f22f06fd4d544a19c5be16da337351d"
  case unitNotThere = "95f01f969cf041ea9f53e0516a81e90f"
  case unitNotRefreshed = "47e5f86cd8474b4cacc29c5e1aaf7cec"
  case unitRefreshDenied = "349d71bf3fbd41da9741700ef880d266"
  case unitJobTooLong = "cc91a98080a74e7594afc4e7fc8da0a8"
  case unitsNotFound = "7a29df0bb945497db50d32a0cb12df98"

  // MARK: AccessKeys
  case keyRead = "4e1b773eb43f43bc9a156550ee0c6c25"
  case noKey = "85fdac7959434c9aabd0e2c9d45ed902"
  case keyNotReread = "fbebdb3286dd48cb984d34604dfc8d8d"
  case keyFileUsable = "e63a41ea6b07438497576408ab9d78e5"
  case keyFileNotWatched = "246840c2a51241f496f786e2d968dd60"
  case otherKeyFound = "ffefa8205cdb4d86ba4ed8f26d33f780"
  case otherKeyRefused = "07e84b46c3584ac590602b685d2ebfad"
  case otherKeyNotAccepted = "73643e0651664129a76cd0477d5d0594"
  case otherKeyReplaced = "c5073940f6824e329fcd7852d6894409"
  case otherKeyGone = "64310dcc61874878b34f907830bd859e"
  case keyChanged = "d69ceed178ad41d1bea3faeca20413d6"
  case keyChangedUnproven = "10c10ff7d50e401ab1cf38d8c3814cf2"
  case keyAccepted = "e46227bdf90d4d69a23e9a8a3b9b6587"
  case keyIdentified = "7b326f01303244f194ad0a3a44cd69d8"
  case identityChanged = "9417bb95c1be45ab854321bc2ef41f63"
  case identityNotCompared = "72aac5aced2c4fa682fc785fcf70dd41"

  // MARK: Sources with temporary credentials
  case sourceFetched = "a52bf04239d14908835224a17fdb5a68"
  case sourceRotated = "42f6c21b98644e4e82a24359eb099660"
  case sourceNotRenewed = "43667e79355948d48317c3de63e9accf"
  case sourceNotFetched = "6495765f921b4652896bdbc3ab7aea6d"
  case sourceLapsed = "9f1ded986786422184055d8ec86ad046"

  // MARK: Client certificates
  case clientCertificateNotReread = "704dcf0ce82d42aba9a115e503a66dfa"
  case clientCertificateReread = "97958e2d50b2476d93effda44840bd07"

  // MARK: Tiers
  case tierAnswers = "2b6c22e92a994775a8076df221ad6686"
  case otherTierMachineAnswers = "1edd3cba912b452298d44978f3757448"
  case firstTierMachineAnswers = "071bb975afbc406696a9cc750542fca2"
  case tierAway = "109ad641c8bc42579ee442baf2a77b98"
  case tierRefuses = "8d9ced1e084a444ba315d2f1a04c3724"
  case tierNotTrusted = "64f9eae5062344f5bbe63a548ef81121"
  case tierFilesUnusable = "57d985b135f242bb93f91669b03b501a"
  case tierBelowFloor = "8ff1d370c52548da8e304a23b580c593"
  case tierRoleFellBack = "81e04f481d3a4f0e850fb6d45a882f66"
  case tierRoleReturned = "1fb5d33c29184d0e9e57de2c15366c13"

  // MARK: STS
  case fallbackEndpointAnswers = "6da64ad6975e461ba75894f12d04ec69"
  case firstEndpointAnswers = "86f97c5a80664a0193bd61655933375a"
  /// Once until the home region works again.
  case otherRegionAnswers = "9f1412d5617b483fba221c1852444a34"
  case homeRegionAnswers = "4d3cb5861e9842b58e8288d4e16bb85c"
  case clockDiffers = "0b7369078be24faba02f70d04159f86a"
  case dateNotBelieved = "6169f67fcc0c41ebbaaf995dd334ee6a"
  case caFileNotReread = "409253f3a0374d6eb96906372da25eb9"
  /// Certificates were never read, since the start was for the sake of sessions that were handed over.
  case caFileNotRead = "dbcd3faceb5849928afcb7ec0f1b8121"
  case caFileReread = "4c75364c05e2452db88806767867b406"

  // MARK: Credential files
  /// Once for each path and session.
  case fileWritten = "a752e83d7c904a9eb377e9e53e45ea9b"
  case fileNotWrittenKeepingOld = "bafd07b5829f40c198d2fc7af0651ac2"
  case fileNotWrittenAndNoneThere = "e3dd573c846f489ba515ea362ac3ef5d"
  case fileNotWrittenUnseen = "006074c663104382800ea337ed7ebc8d"
  case fileNotWrittenDiskStuck = "61e5f326be61426fbe60e768e9fdb2a6"
  case fileNotWrittenWaiting = "3c52cad7b92b4136b2f5db991cd36410"
  case fileWrittenAgain = "f9dab8c0689e40f0a7ba902919981293"
  case fileChangedByOthers = "1959ed1cb153461b830fa8886e670c4d"
  case directoryChangedByOthers = "2b10693b2a5b4c98a3f08f0aff0008e0"
  case lapsedFileRemoved = "0a1ab88c1136435b82b87b239d349fd4"
  case lapsedFileNotRemoved = "c562699947cf4124b59fee4a315d48f5"
  case condemnedFileRemoved = "dc4e3f66bc3040ac816b18358ee2bb90"
  case outdatedFileRemoved = "26763907dd8f42e3a2e360a74762a12b"
  case fileNotRemoved = "d40387ac845346dbbf1817c0d5019987"

  // MARK: Credential files of earlier processes and settings
  case presumedEnd = "3fe41c0ca6a84195a25f88a3756bf40d"
  case presumedEndRemoved = "a130c4d9371b425c9d1f572d144cd788"
  case earlierFileReplaced = "867c83634a944e3bb0df3a74c512a9eb"
  case earlierFileRemoved = "4ff6a27249ff413fadfd9c033ee59588"
  case earlierFileNotChecked = "2119be8a98484dcea7fe4330a66d6e87"
  case formerFileRemoved = "c443605535cf482a87a73744d7adb508"
  case formerFileNotOurs = "1d9a685523e441fe9bcdc64abbf46714"
  case formerFileNotRemoved = "e78bdb3f603541db9b1f9f7637a22a38"
  case formerFileStays = "33131df0c9a84152bfcd9276bf9cabb3"
  case abandonedFilesStay = "758f3b6c1ef748f8b46ec0ab86263249"
  case abandonedFilesRemoved = "1074a9bec36e4bba92ea0f5d93a07d31"
  case abandonedFilesNotRemoved = "e340c8c601d742a1b0173673b500e849"
  case generationsNotRead = "02ecca33145b4f88b8618b8c0c024b59"
  case generationsNotSaved = "f948ca43c9ce4e0a9498a85b2a4cfb97"
  case generationsSavedAgain = "98653b426b94450ca389ff07f0814471"
  case generationsNotSavedNorSpoiled = "bccb715a72054ab39ea7aecaf6aa87f6"

  // MARK: Handover to the next process
  case sessionsTakenOver = "c9cc2d712ca74979b79b516f882e4fdc"
  /// Logged for each store that can't be used. Sessions of an older store may still be taken over.
  case handoverNotUsed = "ee77d37e8ecd44188ec8bb7244192d2f"
  case handoverFails = "344766812f2f42c6b7f37f12758594cb"
  case handoverWorksAgain = "cdc89ae7bf2b4e54ba9430f100a7ba21"
  case settingsLastInForce = "00a7bc2fb5ac4806b754cc41f9684a80"

  // MARK: After the daemon has stopped
  case stopUnknown = "b58a2194545947e4b0a1d50a2c8c3818"
  case filesNotRemovedAtStop = "7827fa59f71d4ba3b6a71e803fc2170b"
  case filesElsewhereNotRemovedAtStop = "4b8867a942904870b910bb4c839b4ce6"
  case fileElsewhereNotRemovedAtStop = "bd4b3b6ac23b41fbb63b6c637f02e5fd"
}

extension LogEvent {
  /// The MESSAGE_ID.
  package var id: String { rawValue }
  /// The usual level; `Log.write` may raise it for a line that somebody has to act on.
  package var level: LogLevel { definition.level }
  package var phrase: String { definition.phrase }

  private struct Definition {
    let level: LogLevel
    let phrase: String

    static func error(_ phrase: String) -> Self { Self(level: .error, phrase: phrase) }
    static func warning(_ phrase: String) -> Self { Self(level: .warning, phrase: phrase) }
    static func notice(_ phrase: String) -> Self { Self(level: .notice, phrase: phrase) }
    static func info(_ phrase: String) -> Self { Self(level: .info, phrase: phrase) }
  }

  private var definition: Definition {
    switch self {
    case .ready: .notice("ready; number of roles with a valid session")
    case .waitingForRequired: .notice("the start waits for required roles without a credential")
    case .fatalError: .error("fatal error, exiting")
    case .notServing:
      .error("can't start; every request is answered with the reason until a start succeeds")
    case .inheritedNotUsed: .warning("a descriptor that systemd passed isn't used")
    case .restartForAccessKey: .error("no AccessKey, exiting so that systemd reads the AccessKey file again")
    case .secretsNotLocked: .warning("some secrets aren't locked in memory and may be swapped out")
    case .logLinesLost: .warning("log lines lost: neither the journal nor stderr accepted them")

    case .settingsError: .error("settings error")
    case .settingsWarning: .warning("settings warning")
    case .settingsNote: .info("settings note")
    case .settingsReloaded: .notice("settings reloaded; number of roles")
    case .settingsNotReloaded:
      .error("settings not reloaded; the old ones stay in force until the service is stopped")
    case .settingsStillUnusable: .error("settings not reloaded; none are in force, and every request is refused")

    case .credentialRefreshed: .info("credential refreshed")
    case .grantedLess: .warning("STS granted a shorter session than requested; refreshing earlier to match")
    case .refreshFailedKeepingCredential: .warning("refresh failed, keeping the current credential")
    case .refreshFailedWithoutCredential: .warning("refresh failed, no valid credential")
    case .refreshStillFails: .warning("refresh still fails")
    case .firstSessionFetched: .notice("first session of the role fetched, after earlier failures")
    case .refreshRecovered: .notice("refresh works again")
    case .belowFloor: .warning("remaining lifetime of the credential is below the floor")
    case .lapsed: .error("no valid credential left")

    case .reserved: .notice("longer session fetched for a reader")
    case .reservationServes: .warning("no valid session in the pool, using the longer one that a reader asked for")
    case .reservationShorter: .warning("STS granted a shorter session than a reader asked for")
    case .reservationFailed: .warning("longer session for a reader not fetched")

    case .tooManyUsers: .warning("session for another user refused, since max_users have one")

    case .condemnedUsingStandby: .warning("STS no longer accepts this session, using the standby")
    case .condemnedFetchingAnother:
      .warning("STS no longer accepts this session, and there is no standby; fetching a new one")
    case .condemnedUnused: .warning("STS no longer accepts this session; ordinary reads get another one")
    case .reportedSessionAccepted: .info("a reader reported this session as refused, but STS accepts it")
    case .reportedSessionUnchecked:
      .warning("a reader reported this session as refused, and it couldn't be checked with STS")

    case .handedOut: .notice("credential handed out")
    case .handedOutToMore:
      .notice("credential handed out to more programs of this user, which aren't logged one by one")
    case .refused: .warning("request refused")
    case .refusedAgain: .warning("more requests refused in the last minute")
    case .refusedForTooMany: .warning("further refused requests are counted, not logged one by one")
    case .floods: .warning("accept flood: one user opens connections faster than they can be accepted")
    case .floodsAgain: .warning("accept flood continues")
    case .acceptPaused: .warning("accept paused, new connections have to wait")
    case .fewerConnections: .warning("the descriptor limit allows fewer connections than 'max_connections'")

    case .socketReplaced: .warning("the socket was deleted or replaced, listening on a new one")
    case .socketNotReplaced: .error("the socket was deleted or replaced, and nobody can connect; trying again")

    case .loopbackNotServed: .error("the loopback URI isn't served at an address, trying again")
    case .loopbackServed: .notice("the loopback URI is served again")

    case .unitRefused: .warning("no credential for a unit, so its start fails")
    case .unitRefusedAgain: .warning("more starts of a unit failed in the last minute because they got no credential")

    case .unitRefreshed: .notice("unit reloaded or restarted for a new credential")
    case .unitNotRunning: .info("unit isn't running, so it isn't reloaded for a new credential")
    case .unitNotThere: .notice("unit to reload for a new credential is masked or doesn't exist")
    case .unitNotRefreshed: .warning("unit not reloaded for a new credential, trying again")
    case .unitRefreshDenied: .error("no permission to reload a unit for a new credential, trying again")
    case .unitJobTooLong: .warning("unit not reloaded for a new credential in time; the next rotation tries again")
    case .unitsNotFound: .warning("can't ask systemd which units to reload, trying again")

    case .keyRead: .notice("AccessKey read")
    case .noKey: .error("no AccessKey")
    case .keyNotReread: .warning("AccessKey file can't be used, keeping the current AccessKey")
    case .keyFileUsable: .notice("AccessKey file is usable again")
    case .keyFileNotWatched: .warning("AccessKey file can't be watched; changes are noticed within a minute")
    case .otherKeyFound: .notice("new AccessKey found, keeping the current one until STS has accepted the new one")
    case .otherKeyRefused: .error("new AccessKey refused, keeping the current one")
    case .otherKeyNotAccepted: .warning("new AccessKey can't be checked yet, keeping the current one")
    case .otherKeyReplaced: .notice("the file holds the current AccessKey again, dropping the new one")
    case .otherKeyGone:
      .notice("the new AccessKey is no longer in the file, keeping the current one")
    case .keyChanged: .notice("AccessKey changed")
    case .keyChangedUnproven:
      .warning("AccessKey changed before STS has accepted the new one, because STS refuses the old one")
    case .keyAccepted: .notice("AssumeRole has accepted the AccessKey")
    case .keyIdentified: .notice("STS denied a role; the AccessKey belongs to this identity")
    case .identityChanged: .warning("the new AccessKey belongs to a different identity than the old one")
    case .identityNotCompared:
      .warning("new AccessKey in use, but it isn't known whether it belongs to the same identity as the old one")

    case .sourceFetched: .notice("credential of the source fetched")
    case .sourceRotated: .notice("the source has another credential")
    case .sourceNotRenewed: .warning("the source's credential can't be renewed, keeping the current one until its end")
    case .sourceNotFetched: .error("the source has no credential")
    case .sourceLapsed: .error("the source's credential has lapsed")

    case .clientCertificateNotReread:
      .warning("client certificate or its key can't be used, keeping the previous ones")
    case .clientCertificateReread: .notice("client certificate and key read again")

    case .tierAnswers: .notice("the tier hands out sessions; number of roles")
    case .otherTierMachineAnswers: .notice("another machine of the tier answers")
    case .firstTierMachineAnswers: .notice("the first machine of the tier answers again")
    case .tierAway: .warning("no machine of the tier answers")
    case .tierRefuses: .error("the tier gives this host no sessions")
    case .tierNotTrusted: .error("the tier's certificate isn't accepted")
    case .tierFilesUnusable: .error("the tier isn't asked, since files of this host can't be used")
    case .tierBelowFloor: .warning("the tier can't hold the role's floor")
    case .tierRoleFellBack: .warning("the role is fetched from STS until the tier has a session of it again")
    case .tierRoleReturned: .notice("the role comes from the tier again")

    case .fallbackEndpointAnswers: .warning("a fallback endpoint of STS answers in place of the first one")
    case .firstEndpointAnswers: .notice("the first STS endpoint answers again")
    case .otherRegionAnswers: .warning("the home region of STS fails or throttles, and another region answers")
    case .homeRegionAnswers: .notice("the home region of STS works again")
    case .clockDiffers: .warning("the time in STS's answers differs from the expected time and is used from now on")
    case .dateNotBelieved:
      .notice("the date of an STS answer is unexpected, and isn't relied on unless another answer confirms it")
    case .caFileNotReread: .warning("CA file can't be used, keeping the previous certificates")
    case .caFileNotRead: .error("CA file can't be used, refreshes fail until it can be read")
    case .caFileReread: .notice("CA file changed and read again")

    case .fileWritten: .notice("credential file written")
    case .fileNotWrittenKeepingOld: .error("credential file not written, keeping the existing one")
    case .fileNotWrittenAndNoneThere: .error("credential file not written, and there is no older one")
    case .fileNotWrittenUnseen: .error("credential file not written, and it isn't known whether there is an older one")
    case .fileNotWrittenDiskStuck: .error("credential file not written yet, its disk doesn't respond")
    case .fileNotWrittenWaiting: .error("credential file not written yet, waiting for other files to be written")
    case .fileWrittenAgain: .notice("credential file can be written again")
    case .fileChangedByOthers: .warning("credential file was changed by somebody else, replacing it")
    case .directoryChangedByOthers: .warning("directory of credential files was changed by somebody else, restoring it")
    case .lapsedFileRemoved: .warning("removed a credential file whose session has expired")
    case .lapsedFileNotRemoved:
      .error("can't remove the credential file of a role without a valid session, trying again")
    case .condemnedFileRemoved: .warning("removed a credential file whose session STS refuses")
    case .outdatedFileRemoved: .warning("removed a credential file that doesn't match the new settings")
    case .fileNotRemoved: .error("can't remove a credential file that a reload took out of the settings, trying again")

    case .presumedEnd:
      .warning(
        "a credential file left by an earlier process has no recorded expiration: it is treated as a 15-minute session and removed after that, unless a new credential replaces it"
      )
    case .presumedEndRemoved:
      .warning(
        "removed a credential file left by an earlier process: it had no recorded expiration and was treated as a 15-minute session"
      )
    case .earlierFileReplaced:
      .warning("credential file or directory left by an earlier process didn't match the settings, corrected")
    case .earlierFileRemoved:
      .warning("credential file left by an earlier process didn't match the settings, removed")
    case .earlierFileNotChecked: .error("credential file left by an earlier process can't be checked, trying again")
    case .formerFileRemoved: .notice("removed a credential file that the settings no longer name")
    case .formerFileNotOurs:
      .warning("a file that the settings no longer name was changed by somebody else, so it isn't removed")
    case .formerFileNotRemoved:
      .warning("can't remove a credential file that the settings no longer name, trying again")
    case .formerFileStays:
      .warning("a credential file that the settings no longer name stays until its session expires")
    case .abandonedFilesStay:
      .warning("credential files that the settings no longer name stay until their sessions expire")
    case .abandonedFilesRemoved: .notice("removed credential files that the settings no longer name")
    case .abandonedFilesNotRemoved:
      .error("can't remove credential files that the settings no longer name, trying again")
    case .generationsNotRead:
      .warning("saved generation numbers can't be read, continuing from the current time in milliseconds")
    case .generationsNotSaved: .warning("generation numbers not saved; after a restart they may be much higher")
    case .generationsSavedAgain: .notice("generation numbers are saved again")
    case .generationsNotSavedNorSpoiled: .warning("generation numbers not saved; after a restart they may be lower")

    case .sessionsTakenOver: .notice("sessions of the process before taken over; number of sessions")
    case .handoverNotUsed: .warning("sessions of the process before can't be used, so new ones are fetched")
    case .handoverFails: .warning("sessions can't be handed over to the next process, which will fetch new ones")
    case .handoverWorksAgain: .notice("sessions can be handed over to the next process again")
    case .settingsLastInForce: .error("the settings can't be used; going on with those that were last in force")

    case .stopUnknown:
      .warning("credential files not removed: it isn't known whether the service was stopped or is being restarted")
    case .filesNotRemovedAtStop: .error("credential files not removed")
    case .filesElsewhereNotRemovedAtStop: .error("credential files outside the runtime directory not removed")
    case .fileElsewhereNotRemovedAtStop: .error("credential file not removed; remove it by hand if nobody needs it")
    }
  }
}
