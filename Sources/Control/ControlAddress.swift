import Configuration
import System

/// Where `ctl` looks for the server: one socket that somebody named, or the usual ones.
package struct ControlAddress {
  /// Paths of sockets, the likeliest first; never empty.
  let paths: [String]
  /// Who named the only path; nil for the usual ones.
  private(set) var origin: String?
  /// Why the configuration, which may name another socket, could not be read.
  private(set) var doubt: String?

  /// Names the socket for `ctl`, as `--control` does.
  package static let variable = "DNS_CACHE_SERVER_CONTROL"

  /// Looks at the flag, then at the environment, then at the configuration, then at the usual paths.
  package init(
    flag: String?, environment: (String) -> String? = Process.environment,
    configuration: String = SettingsSource.defaultFile
  ) {
    if let flag {
      paths = [flag]
    } else if let path = environment(ControlAddress.variable) {
      paths = [path]
      origin = "$\(ControlAddress.variable)"
    } else {
      let (path, doubt) = SettingsSource.controlSocket(in: configuration)
      self.doubt = doubt
      if let path {
        paths = [path]
        origin = configuration
      } else {
        paths = ControlAddress.usualPaths(environment)
      }
    }
  }

  /// The system's server, then one of this user's.
  private static func usualPaths(_ environment: (String) -> String?) -> [String] {
    let own = Settings.defaultControl()
    // A service manager's folder is meant for one server.
    if environment("RUNTIME_DIRECTORY") != nil || own == Settings.systemControl { return [own] }
    return [Settings.systemControl, own]
  }

  /// The first path on which somebody listens; else the first that this user may not use; else the first.
  func choose() -> String {
    guard paths.count > 1 else { return paths[0] }
    var forbidden: String?
    for path in paths {
      do {
        _ = try UnixClient(path: path, timeout: 1)
        return path
      } catch {
        if !error.isNobodyThere, forbidden == nil { forbidden = path }
      }
    }
    return forbidden ?? paths[0]
  }

  // MARK: What is wrong, for a person

  /// That no server listens, and what to do.
  var nobodyThere: String {
    let named = origin.map { ", which \($0) names" } ?? ""
    let note = doubt.map { " (\($0))" } ?? ""
    return "no server listens on \(paths.joined(separator: " or "))\(named)\(note); "
      + "start one with `dns-cache-server run`, or name its socket with --control PATH"
  }

  /// That this user may not talk to the server, and what to do.
  static func forbidden(_ path: String) -> String {
    guard let owner = FileOwner(of: path) else {
      return "permission denied on \(path); use sudo"
    }
    let thing = owner.path == path ? "it" : owner.path
    // Nobody should have to join root's group.
    let remedy =
      owner.group == "root"
      ? "use sudo" : "use sudo, or `adduser USER \(owner.group)` and log in again"
    return
      "permission denied on \(path): \(thing) is for user \(owner.user) and group \(owner.group); \(remedy)"
  }

  /// Why a server could not open its control socket, and what to do.
  package static func cannotOpen(_ path: String, _ error: SystemError) -> String {
    guard error.isInUse else {
      return "cannot open the control socket \(path): \(error); choose another with --control PATH"
    }
    let holder = SocketHolder(path: path).map { "\($0)" } ?? "another server"
    return
      "cannot open the control socket \(path): \(holder) has it; stop that one, or give this server files of its own: --control PATH and --cache-file PATH"
  }
}
