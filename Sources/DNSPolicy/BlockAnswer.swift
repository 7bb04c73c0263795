import DNSWire

/// What a client gets that asks for a name that is blocked.
public enum BlockAnswer: Sendable, Equatable {
  /// 0.0.0.0 and ::, which lead nowhere; no data for other types.
  case zero
  /// That there is no such name.
  case nxDomain
  /// That the name has no data.
  case noData
  /// REFUSED, after which many clients ask another server.
  case refused
  /// Addresses of the operator's, such as those of a page that explains; no data for a family without one.
  case addresses(v4: IPAddress?, v6: IPAddress?)
  /// An alias to another name, which then is answered for.
  case alias(Name)
  /// Nothing at all (RPZ's DROP).
  case drop
  /// That it be asked over TCP, where it is answered (RPZ's TCP-Only).
  case truncated
}
