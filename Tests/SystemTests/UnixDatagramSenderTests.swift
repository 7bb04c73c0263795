import Glibc
import System
import Testing

@Suite("Texts to Unix sockets (unix(7))")
struct UnixDatagramSenderTests {
  @Test(arguments: [
    "", "@", "/" + String(repeating: "x", count: 107), "@" + String(repeating: "x", count: 107),
    "/with\0zero", "@with\0zero",
  ])
  func `a name that is none, or too long, is refused`(name: String) {
    #expect { try UnixDatagramSender(to: name) } throws: {
      ($0 as? SystemError)?.code == ENAMETOOLONG
    }
  }

  @Test(arguments: ["/nonexistent/socket", "@nobody-listens-\(getpid())"])
  func `nobody there is told each time`(name: String) throws {
    let sender = try UnixDatagramSender(to: name)
    for _ in 0..<2 {
      guard case .failed(let error) = sender.send("READY=1") else {
        Issue.record("sent to nobody")
        return
      }
      #expect(error.isNobodyThere)
    }
  }
}

@Suite("Sockets that were open at the start")
struct InheritedSocketTests {
  @Test func `a descriptor that isn't open is none`() {
    #expect(throws: InheritedSocket.Refusal.notASocket) { try InheritedSocket(number: 99_999) }
  }

  @Test func `a netlink socket is of another family`() throws {
    let number = socket(AF_NETLINK, Int32(SOCK_RAW.rawValue), 0)
    try #require(number >= 0)
    #expect(throws: InheritedSocket.Refusal.otherFamily) { try InheritedSocket(number: number) }
    // Refused, so still the caller's.
    #expect(close(number) == 0)
  }

  @Test func `a socket without a port is of no use`() throws {
    let number = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    try #require(number >= 0)
    #expect(throws: InheritedSocket.Refusal.unbound) { try InheritedSocket(number: number) }
    #expect(close(number) == 0)
  }
}
