import Foundation
import Testing

extension EndToEnd {
  @Suite(
    "Where it listens: addresses that come and go",
    .enabled(if: PrivateNetwork.isAllowed, PrivateNetwork.need))
  struct ListenTests {
    let folder: TemporaryFolder

    init() throws {
      folder = try TemporaryFolder()
    }

    private var log: String { Tool.text(of: folder.file("log")) }

    /// Runs a script in a network of its own and returns its lines.
    ///
    /// `version ADDRESS [OPTION…]` asks the server there for what it answers by itself.
    private func lines(_ script: String) throws -> [String] {
      let prelude = """
        version() {
          local address=$1
          shift
          dig "@$address" -p 5300 +tries=1 +time=8 +short "$@" CH TXT version.bind
        }

        """
      let result = try PrivateNetwork.run(prelude + script, in: folder)
      #expect(result.status == 0, "\(result.output)\(result.errors)\(log)")
      return result.output.split(separator: "\n").map(String.init)
    }

    @Test func `an address that another host has at the start is answered as soon as it comes`()
      throws
    {
      let lines = try lines(
        """
        start --listen 127.0.0.1:5300 --listen 192.168.7.10:5300 --listen '[fd00::10]:5300' \\
          --upstream 127.0.0.1:5399
        version 127.0.0.1 >/dev/null && echo "the others are answered"
        ctl status --json | sed -n 's/.*"not_on_this_host_yet":\\(\\["[^"]*"\\(,"[^"]*"\\)*\\]\\).*/\\1/p'
        ip addr add 192.168.7.10/24 dev lo
        ip addr add fd00::10/64 dev lo nodad
        isHere() { ! ctl status | grep not_on_this_host_yet; }
        await isHere
        for transport in +notcp +tcp; do
          for address in 192.168.7.10 fd00::10; do
            version "$address" $transport >/dev/null && echo "$address $transport"
          done
        done
        ip addr del 192.168.7.10/24 dev lo
        isGone() { ctl status | grep 'not_on_this_host_yet *192.168.7.10:5300$'; }
        await isGone
        """)
      #expect(
        lines.map { $0.replacing(#/  +/#, with: " ") } == [
          "the others are answered", #"["192.168.7.10:5300","[fd00::10]:5300"]"#,
          "192.168.7.10 +notcp", "fd00::10 +notcp", "192.168.7.10 +tcp", "fd00::10 +tcp",
        ], "\(log)")
      let missing = log.split(separator: "\n").filter { $0.contains("does not have an address") }
      #expect(missing.count == 3 && missing.allSatisfy { $0.contains("warning") }, "\(log)")
      #expect(missing.first?.contains("address=192.168.7.10:5300") == true, "\(log)")
    }

    /// A network behind a link, `near` at this end and `far` at the other; `fromFar COMMAND…` runs there.
    private static let link = """
      unshare --net sleep 300 &
      jobs+=($!)
      far=$!
      isApart() { [ "$(readlink "/proc/$far/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }
      await isApart
      ip link add near type veth peer name far netns "$far"
      ip link set near up
      fromFar() { nsenter --target "$far" --net "$@"; }
      fromFar ip link set far up

      """

    @Test
    func `a phone's global address is answered in this host's networks alone, as they come and go`()
      throws
    {
      let script =
        Self.link + """
          ip addr add 2001:db8:1::1/64 dev near nodad
          fromFar ip addr add 2001:db8:1::7/64 dev far nodad
          # A network that has a route, but no address here.
          fromFar ip addr add 2001:db8:2::7/64 dev far nodad
          ip route add 2001:db8:2::/64 dev near
          start --listen '[::]:5300' --upstream 127.0.0.1:5399
          ask() {
            fromFar dig @2001:db8:1::1 -b "2001:db8:$1::7" -p 5300 +tries=1 +time=8 CH TXT version.bind \\
              | sed -n 's/.*status: \\([A-Z]*\\),.*/\\1/p'
          }
          isAnswered() { [ "$(ask 2)" = NOERROR ]; }
          isRefused() { [ "$(ask 2)" = REFUSED ]; }
          ask 1
          ask 2
          ip addr add 2001:db8:2::1/64 dev near nodad
          await isAnswered
          ip addr del 2001:db8:2::1/64 dev near
          await isRefused
          ask 1
          stat network.local_networks
          """
      let lines = try lines(script)
      #expect(Array(lines.prefix(3)) == ["NOERROR", "REFUSED", "NOERROR"], "\(lines)\(log)")
      // Link-local networks, which come when the kernel likes, aside.
      var told: [[String]] = []
      for line in log.split(separator: "\n") where line.contains("local networks are served") {
        let networks = line.matches(of: #/2001:db8:\d::\/64/#).map { String($0.output) }.sorted()
        if networks != told.last { told.append(networks) }
      }
      let (one, other) = ("2001:db8:1::/64", "2001:db8:2::/64")
      #expect(told == [[one], [one, other], [one]], "\(log)")
    }

    @Test func `an interface's addresses are listened on as they come and go`() throws {
      let script = """
        start --listen near:5300 --upstream 127.0.0.1:5399
        ctl status | grep not_on_this_host_yet
        """ + "\n" + Self.link + """
          has() { ctl status --json | grep -F -- "$1"; }
          hasNot() { ! has "$1"; }
          ip addr add 192.168.7.1/24 dev near
          ip addr add fd00:7::1/64 dev near nodad
          await has 192.168.7.1
          await has fd00:7::1
          for transport in +notcp +tcp; do
            for address in 192.168.7.1 fd00:7::1; do
              version "$address" $transport >/dev/null && echo "$address $transport"
            done
          done
          version 127.0.0.1 >/dev/null || echo "nowhere else"
          ip addr del 192.168.7.1/24 dev near
          await hasNot 192.168.7.1
          ip addr add 192.168.7.2/24 dev near
          await has 192.168.7.2
          version 192.168.7.2 >/dev/null && echo "the new one"
          ip link del near
          await hasNot 192.168.7.2
          """
      let lines = try lines(script)
      #expect(
        lines.map { $0.replacing(#/  +/#, with: " ") } == [
          "not_on_this_host_yet near:5300", "192.168.7.1 +notcp", "fd00:7::1 +notcp",
          "192.168.7.1 +tcp", "fd00:7::1 +tcp", "nowhere else", "the new one",
        ], "\(lines)\(log)")
    }

    @Test func `an upstream's address that an interface gets is not listened on`() throws {
      let script =
        Self.link + """
          start --listen near:5300 --upstream 192.168.7.1:5300
          ip addr add 192.168.7.1/24 dev near
          isTold() { grep 'address=192.168.7.1:5300 .*would ask itself' "$FOLDER/log"; }
          await isTold
          isListening() { ctl status --json | grep -q '"listening":\\[[^}]*"'"$1"'".*"upstreams":'; }
          isListening 192.168.7.1:5300 || echo "not listened on"
          ip addr add 192.168.7.2/24 dev near
          await isListening 192.168.7.2:5300
          """
      #expect(try lines(script) == ["not listened on"])
    }

    @Test func `what an interface's addresses can't be had for keeps nobody from starting`() throws
    {
      // One that another program has, and one that is an upstream's.
      let script =
        Self.link + """
          ip addr add 192.168.7.1/24 dev near
          ip addr add 192.168.7.2/24 dev near
          ip addr add 192.168.7.3/24 dev near
          python3 -c '
          import socket, time
          taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
          taken.bind(("192.168.7.2", 5300))
          open("'"$FOLDER"'/taken", "w").close()
          time.sleep(300)' &
          jobs+=($!)
          await test -e "$FOLDER/taken"
          echo 'cache: {max-ttl: 1h}' >"$FOLDER/server.yaml"
          start --config "$FOLDER/server.yaml" --listen near:5300 --upstream 192.168.7.3:5300
          version 192.168.7.1 >/dev/null && echo "the first one"
          echo 'cache: {max-ttl: 2h}' >"$FOLDER/server.yaml"
          ctl reload
          """
      #expect(try lines(script) == ["the first one", "changed: cache.max-ttl"])
      let told = log.split(separator: "\n").filter { $0.contains("is not listened on") }
      #expect(told.count == 2, "\(log)")
      #expect(
        told.contains { $0.contains("192.168.7.2:5300") && $0.contains("in use") }, "\(log)")
      #expect(
        told.contains { $0.contains("192.168.7.3:5300") && $0.contains("ask itself") }, "\(log)")
    }

    @Test func `addresses that can't be read are not gone, and are looked at again`() throws {
      let script =
        Self.link + """
          ip addr add 192.168.7.1/24 dev near
          start --listen near:5300 --upstream 127.0.0.1:5399
          version 192.168.7.1 >/dev/null && echo "at first"
          server=${jobs[-1]}
          prlimit --pid "$server" --nofile=3:
          ip addr add 192.168.7.2/24 dev near
          isTold() { grep -E "addresses can't be read|listening no more" "$FOLDER/log"; }
          await isTold
          version 192.168.7.1 >/dev/null && echo "meanwhile"
          prlimit --pid "$server" --nofile=1024:
          answers() { version 192.168.7.2; }
          await answers
          version 192.168.7.1 >/dev/null && echo "after it"
          """
      #expect(try lines(script) == ["at first", "meanwhile", "after it"])
      #expect(!log.contains("listening no more"), "\(log)")
    }

    @Test func `a page at an address that comes later keeps nobody from starting`() throws {
      let lines = try lines(
        """
        echo 0123456789abcdefABCDEF >"$FOLDER/token"
        start --listen 127.0.0.1:5300 --upstream 127.0.0.1:5399 --http 192.168.7.10:8053 \\
          --http-token-file "$FOLDER/token"
        ip addr add 192.168.7.10/24 dev lo
        curl -s --max-time 20 http://192.168.7.10:8053/healthz >/dev/null && echo "answered"
        """)
      #expect(lines == ["answered"])
      #expect(log.contains("does not have the address for HTTP"), "\(log)")
    }

    @Test func `an upstream at an address to come that this server listens on is refused`() throws {
      let result = try Tool.run(
        ServerProcess.binary,
        [
          "run", "--config", folder.noConfiguration, "--listen", "192.0.2.10:5300", "--upstream",
          "192.0.2.10:5300", "--cache-file",
          folder.file("cache"), "--control", folder.file("control"),
        ])
      #expect(result.status == 64)
      #expect(result.errors.contains("this server listens there itself"), "\(result.errors)")
    }

    @Test func `check warns of an address that this host doesn't have, and finds nothing wrong`()
      throws
    {
      let path = folder.file("server.yaml")
      try "listen: [127.0.0.1, 192.0.2.10]\nupstream: 9.9.9.9\n".write(
        toFile: path, atomically: false, encoding: .utf8)
      let result = try Tool.run(ServerProcess.binary, ["check", path])
      #expect(result.status == 0 && result.output.contains("nothing is wrong"))
      #expect(result.output.contains("local-networks are now: 127.0.0.0/8"), "\(result.output)")
      let warnings = result.errors.split(separator: "\n")
      #expect(warnings.count == 1, "\(result.errors)")
      #expect(
        warnings.first?.hasPrefix(
          "warning: \(path):1:21: listen: 192.0.2.10: this host does not have")
          == true, "\(result.errors)")
    }
  }
}
