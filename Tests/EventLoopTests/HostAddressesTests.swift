import DNSWire
import Glibc
import System
import Testing

@testable import EventLoop

@Suite("This host's addresses, and sockets on others (IP_FREEBIND)")
struct HostAddressesTests {
  private func address(_ text: String) throws -> Endpoint {
    try #require(Endpoint(text, defaultPort: 0))
  }

  @Test func `loopback has its network, and a wildcard is always here`() throws {
    let host = try HostAddresses()
    let loopback = try #require(host.all.first { $0.address == (try? address("127.0.0.1")) })
    #expect(loopback.interface == "lo" && loopback.prefixLength == 8 && loopback.isUp)
    #expect(!loopback.isPointToPoint)
    for text in ["127.0.0.1:53", "127.9.9.9", "0.0.0.0", "::"] {
      #expect(host.has(try address(text)), "\(text)")
    }
    for text in ["192.0.2.77", "2001:db8::77"] {
      #expect(!host.has(try address(text)), "\(text)")
    }
  }

  @Test(arguments: ["192.0.2.77", "2001:db8::77"])
  func `an address that may be missing is bound for UDP and TCP, another is refused`(text: String)
    throws
  {
    let missing = try address(text)
    let loop = try EventLoop()
    let receiver = Letterbox()
    var options = DatagramSocket.Options()
    let refused = #expect(throws: SystemError.self) {
      try DatagramSocket(on: loop, boundTo: missing, options: options, receiver: receiver)
    }
    #expect(refused?.code == EADDRNOTAVAIL)
    options.mayBeMissing = true
    let socket = try DatagramSocket(
      on: loop, boundTo: missing, options: options, receiver: receiver)
    #expect(socket.localAddress.isSameHost(as: missing) && socket.localAddress.port != 0)

    #expect(throws: SystemError.self) {
      try StreamListener(on: loop, boundTo: socket.localAddress) { _ in }
    }
    var listening = StreamListener.Options()
    listening.mayBeMissing = true
    let listener = try StreamListener(
      on: loop, boundTo: socket.localAddress, options: listening
    ) { _ in }
    #expect(listener.localAddress == socket.localAddress)
  }
}
