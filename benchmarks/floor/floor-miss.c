// The least that asking costs: every query goes to one connected upstream socket under an ID of its own,
// every reply back to who asked. Usage: floor-miss PORT UPSTREAM-PORT
#include "floor.h"

struct client {
  struct sockaddr_in peer;
  uint8_t id[2];
};

static struct client waiting[1 << 16]; // by the ID that the upstream sees

int main(int argc, char **argv) {
  if (argc != 3) return fprintf(stderr, "usage: floor-miss PORT UPSTREAM-PORT\n"), 64;
  static struct batch b;
  uint16_t next = 0;
  struct sockaddr_in address = loopback(argv[1]), upstream_address = loopback(argv[2]);
  int clients = open_socket(), upstream = open_socket(), poll = epoll_create1(0);
  if (bind(clients, (struct sockaddr *)&address, sizeof address) < 0) fail("bind");
  if (connect(upstream, (struct sockaddr *)&upstream_address, sizeof upstream_address) < 0) fail("connect");
  watch(poll, clients);
  watch(poll, upstream);
  for (struct epoll_event events[2];;) {
    int ready = epoll_wait(poll, events, 2, -1);
    for (int e = 0; e < ready; e++) {
      int from = events[e].data.fd, to = from == clients ? upstream : clients;
      for (int count = BATCH; count == BATCH;) {
        prepare(&b);
        count = receive(from, &b);
        for (int i = 0; i < count; i++) {
          uint8_t *m = b.octets[i];
          if (from == clients) {
            struct client *c = &waiting[++next];
            c->peer = b.peers[i];
            memcpy(c->id, m, 2);
            m[0] = next >> 8, m[1] = next & 0xFF;
            b.headers[i].msg_hdr.msg_name = NULL; // connected
            b.headers[i].msg_hdr.msg_namelen = 0;
          } else {
            struct client *c = &waiting[m[0] << 8 | m[1]];
            b.peers[i] = c->peer;
            b.headers[i].msg_hdr.msg_namelen = sizeof c->peer;
            memcpy(m, c->id, 2);
          }
          b.vectors[i].iov_len = b.headers[i].msg_len;
        }
        send_batch(to, &b, count);
      }
    }
  }
}
