#ifndef DNS_CACHE_SERVER_CEVENT_SHIM_H
#define DNS_CACHE_SERVER_CEVENT_SHIM_H

// First, before any libevent header: libevent's configuration header defines
// _GNU_SOURCE again when the C library's feature macros are not set yet.
#include <features.h>

#include <sys/socket.h>
#include <sys/types.h>
#include <netinet/in.h>
#include <linux/errqueue.h>

#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>

#endif
