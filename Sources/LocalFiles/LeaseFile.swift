import DNSWire

/// Reads the lines of a file in which a DHCP server keeps its leases; which server it is, is told by what they hold.
public struct LeaseFile: Sendable {
  /// Whose file it is.
  public enum Format: String, Sendable, CaseIterable {
    /// `expiry mac address name client-id`; for IPv6 `expiry iaid address name duid`.
    case dnsmasq
    /// `# interface duid iaid name valid-until assigned length address/length …`, between lines of a hosts file.
    case odhcpd
    /// `lease ADDRESS { … }` of ISC's dhcpd.
    case isc
    /// Kea's memfile: CSV whose first line names the columns.
    case kea
  }

  /// Nothing as long as no line has told.
  public private(set) var format: Format?
  private var columns: [String: Int] = [:]
  private var block: Lease?

  /// Begins a file, of whatever server.
  public init() {}

  /// What a line says.
  public enum Event: Equatable, Sendable {
    case lease(Lease)
    case mistake(LineMistake)
  }

  /// What a line says.
  ///
  /// - Parameter isEnded: whether the file goes on behind it: a row that is being written says nothing yet.
  public mutating func read(_ line: [UInt8], number: Int, isEnded: Bool) -> [Event] {
    guard isEnded else { return [] }
    let text = String(decoding: line, as: UTF8.self)
    let words = text.split { $0 == " " || $0 == "\t" }.map(String.init)
    if words.isEmpty { return [] }
    guard let format = format ?? LeaseFile.format(of: text, words) else {
      // A comment may come before what tells.
      return text.hasPrefix("#") || words[0] == "duid"
        ? [] : [mistake("not a line of a file of leases that is known here", number)]
    }
    let isFirst = self.format == nil
    self.format = format
    switch format {
    case .dnsmasq: return dnsmasq(words, number)
    case .odhcpd: return odhcpd(words, number)
    case .isc: return isc(text, words, number)
    case .kea: return kea(text, number, isFirst: isFirst)
    }
  }

  private static func format(of text: String, _ words: [String]) -> Format? {
    if text.hasPrefix("address,") { return .kea }
    if words[0] == "lease" || words[0] == "authoring-byte-order" || words[0] == "server-duid" {
      return .isc
    }
    if words[0] == "#", words.count >= 8, Int64(words[5]) != nil { return .odhcpd }
    if words.count >= 4, Int64(words[0]) != nil, IPAddress(words[2]) != nil { return .dnsmasq }
    return nil
  }

  private func mistake(_ text: String, _ number: Int) -> Event {
    .mistake(LineMistake(line: number, text: text))
  }

  private static func label(_ name: some StringProtocol) -> [UInt8]? {
    name == "*" || name == "-" ? nil : HostName.label(cleaning: Array(name.utf8)[...])
  }

  // MARK: dnsmasq

  private func dnsmasq(_ words: [String], _ number: Int) -> [Event] {
    if words[0] == "duid" { return [] }
    guard words.count >= 4, let expiry = Int64(words[0]), let address = IPAddress(words[2]) else {
      return [mistake("not a lease of dnsmasq: EXPIRY MAC ADDRESS NAME", number)]
    }
    return [
      .lease(
        Lease(
          address: address, label: LeaseFile.label(words[3]),
          client: Array((words.count > 4 && !address.isIPv4 ? words[4] : words[1]).utf8),
          expiry: expiry == 0 ? nil : expiry, line: number))
    ]
  }

  // MARK: odhcpd

  private func odhcpd(_ words: [String], _ number: Int) -> [Event] {
    // The lines between are for other programs.
    guard words[0] == "#" else { return [] }
    guard words.count >= 8, let until = Int64(words[5]) else {
      return [mistake("not a lease of odhcpd", number)]
    }
    // A name that odhcpd itself refuses to give out.
    let isBroken = words[4].hasPrefix("broken\\x20")
    return words.dropFirst(8).compactMap { word in
      let parts = word.split(separator: "/")
      // A prefix that is given to a router is no host's address.
      guard let first = parts.first, let address = IPAddress(String(first)),
        parts.count < 2 || Int(parts[1]) == address.bitWidth
      else { return nil }
      return .lease(
        Lease(
          address: address, label: isBroken ? nil : LeaseFile.label(words[4]),
          client: Array(words[2].utf8), expiry: until < 0 ? nil : until, line: number))
    }
  }

  // MARK: ISC

  private mutating func isc(_ text: String, _ words: [String], _ number: Int) -> [Event] {
    if words[0] == "lease", words.count >= 2 {
      guard let address = IPAddress(words[1]) else {
        block = nil
        return [mistake("\(words[1]) is no address", number)]
      }
      block = Lease(address: address, label: nil, expiry: 0, isActive: false, line: number)
      return []
    }
    guard var lease = block else { return [] }
    let value = { (index: Int) in
      words.count > index ? words[index].trimmingSuffix(";") : ""
    }
    switch words[0] {
    case "}":
      block = nil
      return [.lease(lease)]
    case "ends":
      guard let end = LeaseFile.end(words) else {
        return [mistake("ends: not a date and time", number)]
      }
      lease.expiry = end
    case "binding" where value(1) == "state": lease.isActive = value(2) == "active"
    case "client-hostname": lease.label = LeaseFile.label(LeaseFile.quoted(text))
    default: break
    }
    block = lease
    return []
  }

  /// The end of a lease: `ends 4 2025/11/13 12:00:00;` in UTC, `ends epoch 1763035200;` or `ends never;`.
  private static func end(_ words: [String]) -> Int64?? {
    guard words.count > 1 else { return .none }
    if words[1].hasPrefix("never") { return .some(nil) }
    guard words.count > 2 else { return .none }
    if words[1] == "epoch" { return Int64(words[2].trimmingSuffix(";")).map { .some($0) } ?? .none }
    guard words.count > 3 else { return .none }
    let date = words[2].split(separator: "/").compactMap { Int64($0) }
    let time = words[3].trimmingSuffix(";").split(separator: ":").compactMap { Int64($0) }
    guard date.count == 3, time.count == 3, (1970...9999).contains(date[0]),
      (1...12).contains(date[1]), (1...31).contains(date[2]), (0...23).contains(time[0]),
      (0...59).contains(time[1]), (0...60).contains(time[2])
    else { return .none }
    let days = LeaseFile.days(date[0], date[1], date[2])
    return .some(days * 86_400 + time[0] * 3_600 + time[1] * 60 + time[2])
  }

  /// Days from 1970 to a date of the Gregorian calendar.
  private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    // Years that begin in March have the leap day at their end.
    let shifted = month <= 2 ? year - 1 : year
    let ofYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + ofYear - 719_468
  }

  private static func quoted(_ text: String) -> Substring {
    let parts = text.split(separator: "\"", maxSplits: 2, omittingEmptySubsequences: false)
    return parts.count > 1 ? parts[1] : ""
  }

  // MARK: Kea

  private mutating func kea(_ text: String, _ number: Int, isFirst: Bool) -> [Event] {
    let fields = text.split(separator: ",", omittingEmptySubsequences: false)
    // Each file of the same leases begins with the names of its columns.
    if isFirst || fields.first == "address" {
      columns = Dictionary(
        fields.enumerated().map { (String($0.element), $0.offset) }, uniquingKeysWith: { $1 })
      return []
    }
    func field(_ name: String) -> Substring? {
      columns[name].flatMap { $0 < fields.count ? fields[$0] : nil }
    }
    guard let address = field("address").flatMap({ IPAddress(String($0)) }),
      let expiry = field("expire").flatMap({ Int64($0) })
    else { return [mistake("not a lease of Kea: its address or its end is missing", number)] }
    // 2 is a prefix that is given to a router (RFC 8415 §6.3).
    if field("lease_type") == "2" { return [] }
    let lifetime = field("valid_lifetime").flatMap { Int64($0) }
    return [
      .lease(
        Lease(
          address: address, label: field("hostname").flatMap { LeaseFile.label($0) },
          client: Array((field("duid") ?? "").utf8),
          // All ones: for ever (RFC 2131 §3.3).
          expiry: lifetime == 0xFFFF_FFFF ? nil : expiry,
          // An address that has no lifetime any more was released.
          isActive: (field("state") ?? "0") == "0" && lifetime != 0, line: number))
    ]
  }

  /// The files that belong to one file of leases, in the order in which they count.
  ///
  /// Kea's clean-up moves rows from the file to `.1`, to `.output` and `.completed`, and at last to `.2`.
  public static func paths(of path: String, exists: (String) -> Bool) -> [String] {
    let cleaned = exists("\(path).completed") ? ["\(path).completed"] : ["\(path).2", "\(path).1"]
    return cleaned.filter(exists) + [path]
  }
}

extension String {
  fileprivate func trimmingSuffix(_ suffix: Character) -> String {
    last == suffix ? String(dropLast()) : self
  }
}
