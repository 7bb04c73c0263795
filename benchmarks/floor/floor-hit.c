// The least that answering costs: every datagram comes back as a response with one A record, unparsed.
// Usage: floor-hit PORT. For queries without EDNS, so that the record can follow the question.
#include "floor.h"

// The question's name, A, IN, a TTL of a day, 192.0.2.1.
static const uint8_t record[] = {0xC0, 12, 0, 1, 0, 1, 0, 1, 0x51, 0x80, 0, 4, 192, 0, 2, 1};

int main(int argc, char **argv) {
  if (argc != 2) return fprintf(stderr, "usage: floor-hit PORT\n"), 64;
  static struct batch b;
  struct sockaddr_in address = loopback(argv[1]);
  int clients = open_socket(), poll = epoll_create1(0);
  if (bind(clients, (struct sockaddr *)&address, sizeof address) < 0) fail("bind");
  watch(poll, clients);
  for (struct epoll_event event;;) {
    if (epoll_wait(poll, &event, 1, -1) < 1) continue;
    for (int count = 2; count > 1;) {
      prepare(&b);
      count = receive(clients, &b);
      for (int i = 0; i < count; i++) {
        uint8_t *m = b.octets[i];
        unsigned length = b.headers[i].msg_len;
        if (length < HEADER || length > SIZE - sizeof record) length = HEADER;
        m[2] |= 0x80; // QR
        m[3] = 0x80;  // RA, NOERROR
        m[7] = 1;     // ANCOUNT
        memcpy(m + length, record, sizeof record);
        b.vectors[i].iov_len = length + sizeof record;
      }
      send_batch(clients, &b, count);
    }
  }
}
