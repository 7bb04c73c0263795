// floor-miss with ports that nobody can foresee: each query leaves from one of 256 connected sockets, drawn
// from the system's generator together with its ID. Usage: floor-miss-ports PORT UPSTREAM-PORT
//
// What it costs more than floor-miss is the kernel's price of random ports: a system call for each query and
// one for each reply, where a single socket takes 32 in a call, and a place in epoll's list for each reply.
#include "floor.h"

#include <sys/random.h>

enum {
  POOL = 256,   // sockets to the upstream
  EVENTS = 64,  // sockets that are ready in one turn
  FILES = 1024, // descriptors at most
  SLOTS = 256,  // by the lower bits of the ID; queries in flight from one socket are few
};

struct client {
  struct sockaddr_in peer;
  uint8_t id[2];
  uint8_t waits;
};

static struct client waiting[FILES][SLOTS]; // by socket and ID
static struct batch queries, replies;

static uint32_t draw(void) {
  static uint32_t pool[256];
  static unsigned left;
  if (!left) {
    if (getrandom(pool, sizeof pool, 0) != sizeof pool) fail("getrandom");
    left = 256;
  }
  return pool[--left];
}

static void ask(const int *sockets, int i) {
  uint8_t *m = queries.octets[i];
  for (int tries = 0; tries < 16; tries++) {
    uint32_t word = draw();
    int s = sockets[word >> 16 & (POOL - 1)];
    struct client *c = &waiting[s][word & (SLOTS - 1)];
    if (c->waits) continue;
    c->peer = queries.peers[i];
    c->waits = 1;
    memcpy(c->id, m, 2);
    m[0] = word >> 8 & 0xFF, m[1] = word & 0xFF;
    send(s, m, queries.headers[i].msg_len, MSG_DONTWAIT);
    return;
  }
}

int main(int argc, char **argv) {
  if (argc != 3) return fprintf(stderr, "usage: floor-miss-ports PORT UPSTREAM-PORT\n"), 64;
  struct sockaddr_in address = loopback(argv[1]), upstream = loopback(argv[2]);
  int clients = open_socket(), poll = epoll_create1(0), sockets[POOL];
  if (bind(clients, (struct sockaddr *)&address, sizeof address) < 0) fail("bind");
  watch(poll, clients);
  for (int i = 0; i < POOL; i++) {
    sockets[i] = open_socket();
    if (sockets[i] >= FILES) return 1;
    if (connect(sockets[i], (struct sockaddr *)&upstream, sizeof upstream) < 0) fail("connect");
    watch(poll, sockets[i]);
  }
  prepare(&replies);
  for (struct epoll_event events[EVENTS];;) {
    int ready = epoll_wait(poll, events, EVENTS, -1), held = 0;
    for (int e = 0; e < ready; e++) {
      int s = events[e].data.fd;
      if (s == clients) {
        for (int count = BATCH; count == BATCH;) {
          prepare(&queries);
          count = receive(clients, &queries);
          for (int i = 0; i < count; i++) ask(sockets, i);
        }
        continue;
      }
      // One reply a turn: epoll tells again when there is another.
      uint8_t *m = replies.octets[held];
      ssize_t length = recv(s, m, SIZE, MSG_DONTWAIT);
      if (length < HEADER) continue;
      struct client *c = &waiting[s][m[1] & (SLOTS - 1)];
      c->waits = 0;
      replies.peers[held] = c->peer;
      memcpy(m, c->id, 2);
      replies.vectors[held++].iov_len = (size_t)length;
      if (held < BATCH) continue;
      send_batch(clients, &replies, held);
      held = 0;
    }
    send_batch(clients, &replies, held);
  }
}
