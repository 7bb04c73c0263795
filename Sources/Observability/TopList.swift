/// What `ctl top` ranks.
package enum TopList: String, CaseIterable {
  /// Names asked for, by type.
  case names
  /// Addresses that ask.
  case clients
  /// Questions answered with SERVFAIL, by type and reason.
  case failures

  /// Rows that are shown when nobody says how many.
  package static let usualCount = 20
  /// Rows that are shown at most.
  package static let mostCount = 500
}
