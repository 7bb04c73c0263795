import EventLoop

/// Sends each datagram back, in reverse.
final class Echo: DatagramReceiver {
  var peers: [Peer] = []
  var calls = 0

  override func datagramsReady(_ socket: DatagramSocket) {
    calls += 1
    let count = socket.receiveBatch()
    for index in 0..<count {
      let datagram = socket.received(index)
      peers.append(socket.peer(index))
      socket.withReply(toReceived: index) { reply in
        for offset in datagram.indices {
          reply[offset] = datagram[datagram.count - 1 - offset]
        }
        return datagram.count
      }
    }
    socket.flush()
  }
}

/// Keeps what comes in.
final class Inbox: DatagramReceiver {
  struct Failure: Equatable {
    let error: Int32
    let payload: [UInt8]
  }

  var messages: [[UInt8]] = []
  var truncated: [Bool] = []
  var failures: [Failure] = []
  var calls = 0
  var onMessage: ((DatagramSocket) -> Void)?
  var onFailure: ((DatagramSocket) -> Void)?

  override func datagramsReady(_ socket: DatagramSocket) {
    calls += 1
    let count = socket.receiveBatch()
    for index in 0..<count {
      messages.append(Array(socket.received(index)))
      truncated.append(socket.isTruncated(index))
    }
    if count > 0 { onMessage?(socket) }
  }

  override func socketFailed(_ socket: DatagramSocket, error: Int32, payload: Span<UInt8>) {
    failures.append(Failure(error: error, payload: Array(payload)))
    onFailure?(socket)
  }
}
