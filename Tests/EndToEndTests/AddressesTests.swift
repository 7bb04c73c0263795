import Foundation
import Testing

extension EndToEnd {
  @Suite("A reply leaves from the address that was asked")
  struct AddressesTests {
    static let script: ScriptedUpstream.Script = { query in
      [.reply(.reply(to: query.message, answers: [.a(query.name, "192.0.2.1")]))]
    }

    @Test func `a wildcard listener answers from each loopback address that is asked`() throws {
      let upstream = try ScriptedUpstream(Self.script)
      let server = try ServerProcess(upstreams: [upstream.endpoint], listen: ["0.0.0.0"])
      let port = server.endpoint.port
      // A connected socket takes replies from the address it asked alone.
      for address in ["127.0.0.1", "127.0.0.2", "127.1.2.3"] {
        for source in ["127.0.0.1", "127.0.0.9"] {
          let client = try Client(Endpoint(address, port), from: Endpoint(source, 0))
          let reply = try client.ask(.query("www.example.net"))
          #expect(reply?.answers.count == 1, "\(source) asked \(address)")
        }
      }
      let dig = Dig(
        try Tool.run(
          "dig", ["@127.0.0.2", "-b", "127.0.0.1", "-p", "\(port)", "+tries=1", "www.example.net"]))
      #expect(dig.status == "NOERROR")
      #expect(!dig.output.contains("reply from unexpected source"))
      // TCP keeps its addresses by itself.
      let stream = try StreamClient(Endpoint("127.0.0.2", port))
      #expect(try stream.ask(.query("www.example.net"))?.answers.count == 1)
    }

    @Test func `a reply to a miss leaves from the address asked as well`() throws {
      let upstream = try ScriptedUpstream { query in
        let reply = DNSMessage.reply(to: query.message, answers: [.a(query.name, "192.0.2.1")])
        return [.replyAfter(milliseconds: 100, reply)]
      }
      let server = try ServerProcess(upstreams: [upstream.endpoint], listen: ["0.0.0.0"])
      // Two clients wait for the same name, each at an address of its own.
      let clients = try ["127.0.0.2", "127.0.0.3"].map {
        try Client(Endpoint($0, server.endpoint.port), from: Endpoint("127.0.0.1", 0))
      }
      for client in clients { client.send(.query("www.example.net")) }
      for client in clients {
        #expect(try client.receive() != nil)
      }
    }

    @Test(.enabled(if: PrivateNetwork.isAllowed, PrivateNetwork.need))
    func `in a network with several addresses, of both families, the one asked answers`() throws {
      let folder = try TemporaryFolder()
      // The upstream is a closed port: the question is one that needs none.
      let script = """
        set -eu
        ip link set lo up
        for address in 192.0.2.1/24 192.0.2.2/24 192.0.2.3/24; do ip addr add $address dev lo; done
        for address in 2001:db8::1/64 2001:db8::2/64; do ip -6 addr add $address dev lo nodad; done
        "$SERVER" run --config "$NO_CONFIGURATION" --listen 0.0.0.0:5300 --listen '[::]:5300' --upstream 127.0.0.1:5399 \
          --allow 0.0.0.0/0 --allow ::/0 \
          --cache-file "$FOLDER/cache" --control "$FOLDER/control" >"$FOLDER/log" 2>&1 &
        server=$!
        trap 'kill $server; wait $server || true' EXIT
        ask() {
          dig "@$1" -b "$2" -p 5300 +tries=1 +time=8 "$3" +short CH TXT version.bind
        }
        for attempt in $(seq 200); do
          if ask 192.0.2.1 192.0.2.1 +notcp >/dev/null 2>&1; then break; fi
          sleep 0.1
        done
        for transport in +notcp +tcp; do
          for address in 192.0.2.1 192.0.2.2 192.0.2.3; do
            ask $address 192.0.2.1 $transport >/dev/null && echo "$address $transport answered"
          done
          for address in 2001:db8::1 2001:db8::2; do
            ask $address 2001:db8::1 $transport >/dev/null && echo "$address $transport answered"
          done
        done
        """
      let result = try Tool.run(
        "unshare", ["--net", "bash", "-c", script],
        environment: [
          "SERVER": ServerProcess.binary, "FOLDER": folder.path,
          "NO_CONFIGURATION": folder.noConfiguration,
        ],
        timeout: .seconds(60))
      let answered = result.output.split(separator: "\n").filter { $0.hasSuffix("answered") }
      #expect(
        answered.count == 10, "\(result.output)\(result.errors)\(Tool.text(of: folder.file("log")))"
      )
      #expect(result.status == 0)
    }
  }
}
