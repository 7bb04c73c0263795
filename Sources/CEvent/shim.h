#ifndef DNS_CACHE_SERVER_CEVENT_SHIM_H
#define DNS_CACHE_SERVER_CEVENT_SHIM_H

// First, before any libevent header: libevent's configuration header defines
// _GNU_SOURCE again when the C library's feature macros are not set yet.
#include <features.h>

#include <sys/socket.h>
#include <sys/types.h>
#include <netinet/in.h>
#include <linux/errqueue.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <netinet/tcp.h>
#include <sys/un.h>

#include <linux/aio_abi.h>
#include <linux/capability.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>

// The C library shows these under _GNU_SOURCE only, which Swift's importer does not define.
#ifndef __USE_GNU

struct mmsghdr {
  struct msghdr msg_hdr;
  unsigned int msg_len;
};

int recvmmsg(int descriptor, struct mmsghdr *messages, unsigned int count, int flags,
             struct timespec *timeout);
int sendmmsg(int descriptor, struct mmsghdr *messages, unsigned int count, int flags);
int accept4(int descriptor, struct sockaddr *address, socklen_t *length, int flags);
int setresuid(uid_t real, uid_t effective, uid_t saved);
int setresgid(gid_t real, gid_t effective, gid_t saved);

struct in6_pktinfo {
  struct in6_addr ipi6_addr;
  unsigned int ipi6_ifindex;
};

#endif

// <sys/random.h> is not part of Swift's Glibc module.
ssize_t getrandom(void *buffer, size_t length, unsigned int flags);

// prctl(2) takes a varying number of arguments, which Swift can't call.
static inline int process_control(int option, unsigned long first, unsigned long second) {
  return prctl(option, first, second, 0UL, 0UL);
}

/// Reads the first 32 capabilities of the calling thread that it may make effective; -1 and errno on error.
static inline int capabilities_permitted(uint32_t *permitted) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
  if (syscall(SYS_capget, &header, data) != 0) return -1;
  *permitted = data[0].permitted;
  return 0;
}

/// Leaves the calling thread these of the first 32 capabilities, effective, and no other.
static inline int capabilities_keep(uint32_t permitted) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{permitted, permitted, 0}, {0, 0, 0}};
  return (int)syscall(SYS_capset, &header, data);
}

/// Opens a timer on the machine's clock; -1 and errno on error.
static inline int clock_timer_open(void) {
  return timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
}

/// Has the timer end at a second of the machine's clock, or with ECANCELED as soon as that clock is set.
static inline int clock_timer_arm(int descriptor, int64_t second) {
  struct itimerspec end = {{0, 0}, {second, 0}};
  return timerfd_settime(descriptor, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &end, NULL);
}

// Linux AIO (io_submit(2)), for which the C library has no functions. Each returns -1 and sets errno.

static inline long aio_setup(unsigned int requests, aio_context_t *context) {
  return syscall(SYS_io_setup, requests, context);
}

static inline long aio_destroy(aio_context_t context) {
  return syscall(SYS_io_destroy, context);
}

static inline long aio_submit(aio_context_t context, struct iocb *request) {
  return syscall(SYS_io_submit, context, 1L, &request);
}

/// Takes one result, if there is one; waits for `least` of them, 0 or 1.
static inline long aio_take(aio_context_t context, long least, struct io_event *result) {
  return syscall(SYS_io_getevents, context, least, 1L, result, NULL);
}

#endif
