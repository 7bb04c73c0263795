// Adds up what a server takes between the system calls that move packets: its own time, to the cycle, where the
// kernel only takes samples. Loaded before the C library (LD_PRELOAD) into the one program that BETWEEN_CALLS_OF
// names; when that ends, BETWEEN_CALLS_FILE has a line for each half second: nanoseconds between calls, datagrams
// that came by recvmmsg, calls of recvmmsg that brought some, all calls.
//
// The library's own reading of the cycle counter is in it, and what other calls take, of which hits have none.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

enum {
  ROWS = 4096,
  HALF = 500 * 1000 * 1000,     // nanoseconds of a row
  LONGEST = 1000 * 1000         // nanoseconds; more between two calls is somebody else's turn on the core
};

struct row {
  uint64_t cycles, datagrams, batches, calls;
};

static struct row rows[ROWS], now;
static size_t count;
static int is_on;
static uint64_t left, row_began;
static double cycles_a_nanosecond = 1;

static inline uint64_t cycles(void) {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
  uint64_t value;
  __asm__ volatile("mrs %0, cntvct_el0" : "=r"(value));
  return value;
#else
#error "no cycle counter is known for this processor"
#endif
}

static uint64_t nanoseconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

__attribute__((constructor)) static void begin(void) {
  const char *wanted = getenv("BETWEEN_CALLS_OF");
  is_on = wanted && strcmp(program_invocation_short_name, wanted) == 0;
  if (!is_on) return;
  uint64_t time = nanoseconds(), counter = cycles(), passed;
  while ((passed = nanoseconds() - time) < 20 * 1000 * 1000) {}
  cycles_a_nanosecond = (double)(cycles() - counter) / (double)passed;
}

__attribute__((destructor)) static void end(void) {
  const char *path = getenv("BETWEEN_CALLS_FILE");
  FILE *file = is_on && path ? fopen(path, "w") : NULL;
  if (!file) return;
  for (size_t i = 0; i < count; i++)
    fprintf(file, "%.0f %lu %lu %lu\n", (double)rows[i].cycles / cycles_a_nanosecond, (unsigned long)rows[i].datagrams,
            (unsigned long)rows[i].batches, (unsigned long)rows[i].calls);
  fclose(file);
}

static inline void enter(void) {
  if (!is_on) return;
  uint64_t passed = cycles() - left;
  if (left && passed < LONGEST * cycles_a_nanosecond) now.cycles += passed;
}

// Keeps errno, which is the call's.
static inline void leave(void) {
  if (!is_on) return;
  now.calls++;
  left = cycles();
  if (left - row_began < HALF * cycles_a_nanosecond) return;
  if (row_began && count < ROWS) rows[count++] = now;
  now = (struct row){0};
  row_began = left;
}

// The library's own name stands before the C library's, which dlsym finds behind it.
#define FORWARD(type, name, parameters, arguments, then)                                                               \
  type name parameters {                                                                                               \
    static type(*next) parameters;                                                                                     \
    if (!next) next = (type(*) parameters)dlsym(RTLD_NEXT, #name);                                                     \
    enter();                                                                                                           \
    type result = next arguments;                                                                                      \
    then;                                                                                                              \
    leave();                                                                                                           \
    return result;                                                                                                     \
  }

FORWARD(int, recvmmsg, (int s, struct mmsghdr *v, unsigned n, int flags, struct timespec *t), (s, v, n, flags, t),
        if (result > 0) (now.datagrams += (uint64_t)result, now.batches++))
FORWARD(int, sendmmsg, (int s, struct mmsghdr *v, unsigned n, int flags), (s, v, n, flags), )
FORWARD(int, epoll_wait, (int e, struct epoll_event *v, int n, int timeout), (e, v, n, timeout), )
FORWARD(ssize_t, recv, (int s, void *to, size_t n, int flags), (s, to, n, flags), )
FORWARD(ssize_t, send, (int s, const void *from, size_t n, int flags), (s, from, n, flags), )
