import Foundation

/// A zone that is signed for one test, with a key of its own.
struct SignedZone {
  /// How the zone proves what isn't there.
  enum Denial: String, CaseIterable, Sendable {
    case nsec, nsec3
  }

  let folder: TemporaryFolder
  static let name = "signed.example"

  /// The zone file to serve.
  var file: String { folder.file("signed") }
  /// The zone's key as a trust anchor, in the form that delv reads.
  var anchors: String { folder.file("anchors") }

  /// What stands in it: each thing that a resolver has to prove, or to pass on proven.
  private static let records = """
    $ORIGIN \(name).
    $TTL 3600
    @ SOA ns1 hostmaster 1 7200 900 1209600 600
    @ NS ns1
    ns1 A 192.0.2.53
    www 300 A 192.0.2.1
    www 300 A 192.0.2.2
    www AAAA 2001:db8::1
    @ MX 10 www
    alias CNAME www
    gone CNAME missing
    *.wild 3600 A 192.0.2.9
    *.wildalias CNAME missing
    old DNAME new
    host.new A 192.0.2.3
    deep.empty.branch TXT "x"
    sub NS ns.sub
    ns.sub A 192.0.2.54

    """

  struct NotSigned: Error, CustomStringConvertible {
    let description: String
  }

  /// Signs it with the tools of ldnsutils.
  init(_ denial: Denial) throws {
    folder = try TemporaryFolder()
    try Self.records.write(toFile: folder.file("plain"), atomically: false, encoding: .utf8)
    let script = """
      cd "$1" && key=$(ldns-keygen -a ECDSAP256SHA256 -k \(Self.name)) \
      && ldns-signzone \(denial == .nsec3 ? "-n -t 2 -s 5A17" : "") -f signed plain "$key" \
      && awk '{ printf "trust-anchors { \\"%s\\" static-key %s %s %s \\"%s\\"; };", \
      $1, $4, $5, $6, $7 }' "$key.key" > anchors
      """
    let result = try Tool.run("sh", ["-c", script, "sh", folder.path])
    guard result.status == 0, !Tool.text(of: file).isEmpty else {
      throw NotSigned(description: "ldns-signzone: \(result.output) \(result.errors)")
    }
  }

  /// Has delv validate an answer of a server, with nothing but the zone's key to trust.
  ///
  /// - Returns: what it says.
  func validate(_ name: String, _ type: String, at endpoint: Endpoint) throws -> String {
    try Tool.run(
      "delv",
      [
        "@\(endpoint.address)", "-p", "\(endpoint.port)", "-a", anchors, "+root=\(Self.name)",
        name, type,
      ]
    ).output
  }
}
