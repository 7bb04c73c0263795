import Foundation
import Testing

/// A network namespace for a script and the server that it starts: its links and addresses are nobody else's.
enum PrivateNetwork {
  /// Whether a test may make one.
  static let isAllowed =
    (try? Tool.run("unshare", ["--net", "ip", "link", "set", "lo", "up"]).status) == 0

  static let need: Comment = "needs the right to make a network namespace: run as root"

  /// Runs a script in bash, in a network that has loopback only.
  ///
  /// `start FLAG…` starts the server and waits for its control socket; `ctl VERB…` asks it; `stat NAME` prints a
  /// figure of `ctl stats`; its log is `log` in the folder. What a script starts in the background it adds to
  /// `jobs`, to be ended with it. `await COMMAND…` repeats a command until it succeeds, for twenty seconds.
  static func run(_ script: String, in folder: TemporaryFolder) throws -> Tool.Result {
    let prelude = """
      set -eu
      ip link set lo up
      jobs=()
      trap 'kill "${jobs[@]}" || true; wait' EXIT
      await() {
        for attempt in $(seq 200); do
          if "$@"; then return; fi
          sleep 0.1
        done >/dev/null 2>&1
        echo "in vain: $*" >&2
        cat "$FOLDER/log" >&2
        exit 1
      }
      ctl() { "$SERVER" ctl --control "$FOLDER/control" "$@"; }
      stat() { ctl stats | sed -n "s/^$1  *//p"; }
      start() {
        "$SERVER" run --config "$NO_CONFIGURATION" "$@" --cache-file "$FOLDER/cache" --control "$FOLDER/control" \\
          >"$FOLDER/log" 2>&1 &
        jobs+=($!)
        await ctl status
      }

      """
    return try Tool.run(
      "unshare", ["--net", "bash", "-c", prelude + script],
      environment: [
        "SERVER": ServerProcess.binary, "FOLDER": folder.path,
        "NO_CONFIGURATION": folder.noConfiguration,
        "PATH": (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")
          + ":/usr/sbin:/sbin",
      ], timeout: .seconds(120))
  }
}
