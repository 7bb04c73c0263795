import Foundation
import Testing

extension EndToEnd {
  @Suite("Clients on other machines, which are no exception to any limit")
  struct OtherMachinesTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// Runs a script in a network of its own, with the server at 192.168.7.1 and another machine behind
    /// a link; `far COMMAND…` runs there, where 192.168.7.2 is.
    private func run(_ script: String, flags: String = "") throws -> Tool.Result {
      let upstream = Endpoint("127.0.0.1", 5399)
      try NSD.configuration(of: upstream, in: folder).write(
        toFile: folder.file("nsd.conf"), atomically: false, encoding: .utf8)
      let prelude = """
        mkfifo "$FOLDER/hold"
        unshare --net sh -c 'echo >"$FOLDER/hold"; exec sleep 300' &
        far=$!
        jobs+=($far)
        read -r _ <"$FOLDER/hold"
        far() { nsenter --target "$far" --net "$@"; }
        ip link add near type veth peer name far netns "$far"
        ip addr add 192.168.7.1/24 dev near
        ip link set near up
        far sh -c 'ip link set lo up; ip addr add 192.168.7.2/24 dev far; ip link set far up'
        nsd -d -c "$FOLDER/nsd.conf" &
        jobs+=($!)
        start --listen 192.168.7.1:5300 --upstream 127.0.0.1:5399 \(flags)
        await far dig @192.168.7.1 -p 5300 +tries=1 +time=8 www.example.net
        # Datagrams that the kernel had no room for, at a socket of either machine or on the way.
        noRoom() {
          local sum=0 drops machine
          for machine in "" far; do
            drops=$($machine awk '$1 == "Udp:" && !at { for (i = 2; i <= NF; i++) if ($i == "RcvbufErrors") at = i; next }
              $1 == "Udp:" { print $at }' /proc/net/snmp)
            sum=$((sum + drops))
          done
          while read -r _ drops _; do sum=$((sum + 16#$drops)); done </proc/net/softnet_stat
          echo "$sum"
        }
        perf() { far dnsperf -s 192.168.7.1 -p 5300 -t 10 "$@" | sed -n 's/.*lost: *\\([0-9]*\\).*/\\1/p'; }

        """
      return try PrivateNetwork.run(prelude + script, in: folder)
    }

    @Test(.enabled(if: PrivateNetwork.isAllowed, PrivateNetwork.need))
    func `one machine may ask as fast as it can, and none of its queries is lost`() throws {
      let count = ServerProcess.isRelease ? 30_000 : 3_000
      try Dnsperf.writeQueries(count, zone: "wild.example.net", to: folder.file("misses"))
      try Dnsperf.writeQueries(
        count, prefix: "s", zone: "wild.example.net", to: folder.file("streamed"))
      try "www.example.net A\n".write(
        toFile: folder.file("hits"), atomically: false, encoding: .utf8)
      let result = try run(
        """
        before=$(noRoom)
        perf -d "$FOLDER/hits" -l 1
        perf -d "$FOLDER/hits" -l 1 -q 1000 -c 8
        perf -d "$FOLDER/misses" -n 1
        echo $(($(noRoom) - before))
        perf -d "$FOLDER/hits" -l 1 -m tcp -c 16
        perf -d "$FOLDER/streamed" -n 1 -m tcp -c 16
        stat queries.limited
        "$SERVER" ctl --control "$FOLDER/control" stats clients | sed -n 's/^.*_limit_reached  *//p'
        """)
      #expect(result.status == 0, "\(result.errors)\(Tool.text(of: folder.file("log")))")
      let figures = result.output.split(separator: "\n").compactMap { Int($0) }
      try #require(figures.count > 8, "\(result.output)\(result.errors)")
      // Over UDP, no more than the kernel dropped of what came faster than two busy cores take it.
      #expect(figures[..<3].reduce(0, +) <= figures[3], "\(result.output)")
      // Over TCP none, and no limit was reached.
      #expect(figures[4...].allSatisfy { $0 == 0 }, "\(result.output)\(result.errors)")
    }
  }
}
