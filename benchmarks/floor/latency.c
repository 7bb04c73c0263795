// How long answers take: asks at a steady pace and prints percentiles as JSON, in microseconds.
// Usage: latency PORT NAMES-FILE QUERIES-A-SECOND SECONDS
//
// A reply's time is the kernel's, of when it reached the socket: that this program may have to wait for its
// core does not count. A query's time is taken right before it is sent.
#include "floor.h"

#include <time.h>

enum { NAMES = 100000, IDS = 1 << 16 };

static uint8_t queries[NAMES][280];
static uint16_t lengths[NAMES];
static int64_t sent_at[IDS];

static int64_t now(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

// One query for an A record from each line of the file (RFC 1035 §4.1).
static int load_names(const char *path) {
  FILE *file = fopen(path, "r");
  if (!file) fail(path);
  char name[260];
  int count = 0;
  while (count < NAMES && fscanf(file, "%254s A\n", name) == 1) {
    uint8_t *m = queries[count], *out = m + HEADER;
    memcpy(m, "\0\0\1\0\0\1\0\0\0\0\0\0", HEADER);
    for (char *label = strtok(name, "."); label; label = strtok(NULL, ".")) {
      size_t length = strlen(label);
      *out++ = (uint8_t)length;
      memcpy(out, label, length);
      out += length;
    }
    memcpy(out, "\0\0\1\0\1", 5);
    lengths[count++] = (uint16_t)(out + 5 - m);
  }
  fclose(file);
  return count;
}

static int compare(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv) {
  if (argc != 5) return fprintf(stderr, "usage: latency PORT NAMES-FILE QUERIES-A-SECOND SECONDS\n"), 64;
  struct sockaddr_in address = loopback(argv[1]);
  int names = load_names(argv[2]);
  int64_t pause = 1000000000LL / atoi(argv[3]), total = (int64_t)(atof(argv[4]) * 1e9) / pause;
  int64_t *latencies = malloc(sizeof *latencies * (size_t)total);
  int s = open_socket(), on = 1;
  if (!latencies || !names) return 1;
  if (connect(s, (struct sockaddr *)&address, sizeof address) < 0) fail("connect");
  if (setsockopt(s, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) < 0) fail("SO_TIMESTAMPNS");
  int64_t answered = 0, begin = now(CLOCK_MONOTONIC);
  // A second longer than it asks, for the last replies.
  for (int64_t sent = 0; sent < total || now(CLOCK_MONOTONIC) < begin + total * pause + 1000000000LL;) {
    int64_t due = begin + sent * pause;
    if (sent < total && now(CLOCK_MONOTONIC) >= due) {
      uint16_t id = (uint16_t)sent;
      uint8_t *m = queries[sent % names];
      m[0] = id >> 8, m[1] = id & 0xFF;
      sent_at[id] = now(CLOCK_REALTIME);
      if (send(s, m, lengths[sent % names], MSG_DONTWAIT) < 0) sent_at[id] = 0;
      sent++;
    }
    for (;;) {
      uint8_t m[SIZE], control[256];
      struct iovec vector = {m, sizeof m};
      struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
      if (recvmsg(s, &header, MSG_DONTWAIT) < HEADER) break;
      struct timespec at;
      struct cmsghdr *stamp = CMSG_FIRSTHDR(&header);
      if (!stamp || stamp->cmsg_type != SCM_TIMESTAMPNS) continue;
      memcpy(&at, CMSG_DATA(stamp), sizeof at);
      uint16_t id = (uint16_t)(m[0] << 8 | m[1]);
      if (!sent_at[id] || answered == total) continue;
      latencies[answered++] = at.tv_sec * 1000000000LL + at.tv_nsec - sent_at[id];
      sent_at[id] = 0;
    }
    struct timespec nap = {0, pause / 2};
    if (now(CLOCK_MONOTONIC) < due) nanosleep(&nap, NULL);
  }
  qsort(latencies, (size_t)answered, sizeof *latencies, compare);
#define AT(share) (answered ? latencies[(int64_t)((double)(answered - 1) * (share))] / 1e3 : 0)
  printf("{\"sent\": %lld, \"answered\": %lld, \"p50\": %.1f, \"p90\": %.1f, \"p99\": %.1f, \"p999\": %.1f, \"most\": %.1f}\n",
         (long long)total, (long long)answered, AT(0.5), AT(0.9), AT(0.99), AT(0.999), AT(1.0));
}
