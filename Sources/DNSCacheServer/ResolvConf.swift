/// The name servers that the system uses, read from `/etc/resolv.conf` (resolv.conf(5)).
enum ResolvConf {
  static let path = "/etc/resolv.conf"

  /// The addresses behind `nameserver`, in order.
  static func nameServers(in text: String) -> [Substring] {
    text.split(separator: "\n").compactMap { line in
      let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\r" })
      guard words.count >= 2, words[0] == "nameserver" else { return nil }
      return words[1]
    }
  }
}
