// What both floor programs share: batches of datagrams, and sockets on loopback.
#ifndef FLOOR_H
#define FLOOR_H

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  BATCH = 32,     // datagrams in one system call
  SIZE = 1232,    // octets of a datagram at most
  HEADER = 12,    // octets of a DNS header
  BUFFER = 4 << 20 // octets of a socket's buffers
};

struct batch {
  struct mmsghdr headers[BATCH];
  struct iovec vectors[BATCH];
  struct sockaddr_in peers[BATCH];
  uint8_t octets[BATCH][SIZE];
};

static inline void fail(const char *what) {
  perror(what);
  exit(1);
}

// Gets a batch ready for receiving: all of each buffer, and room for the peer's address.
static inline void prepare(struct batch *b) {
  for (int i = 0; i < BATCH; i++) {
    b->vectors[i] = (struct iovec){b->octets[i], SIZE};
    b->headers[i].msg_hdr = (struct msghdr){
        .msg_name = &b->peers[i], .msg_namelen = sizeof b->peers[i], .msg_iov = &b->vectors[i], .msg_iovlen = 1};
  }
}

static inline int receive(int s, struct batch *b) {
  int count = recvmmsg(s, b->headers, BATCH, MSG_DONTWAIT, NULL);
  return count < 0 ? 0 : count;
}

static inline void send_batch(int s, struct batch *b, int count) {
  for (int done = 0; done < count;) {
    int sent = sendmmsg(s, b->headers + done, count - done, MSG_DONTWAIT);
    done += sent > 0 ? sent : 1; // what can't be sent is lost, as on a network
  }
}

static inline struct sockaddr_in loopback(const char *port) {
  return (struct sockaddr_in){
      .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static inline int open_socket(void) {
  int s = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  if (s < 0) fail("socket");
  int size = BUFFER;
  setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  setsockopt(s, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  return s;
}

static inline int watch(int poll, int s) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = s};
  if (epoll_ctl(poll, EPOLL_CTL_ADD, s, &event) < 0) fail("epoll_ctl");
  return s;
}

#endif
