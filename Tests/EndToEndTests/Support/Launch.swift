import Foundation

extension ServerProcess.Launch {
  /// As a user without rights when the tests run as root.
  ///
  /// From a copy of the binary: a clone can be in a folder that others may not enter. The folder given
  /// becomes that user's.
  static func unprivileged(in folder: TemporaryFolder) throws -> ServerProcess.Launch {
    guard geteuid() == 0 else { return ServerProcess.Launch() }
    let copy = folder.file("dns-cache-server")
    try FileManager.default.copyItem(atPath: ServerProcess.binary, toPath: copy)
    unsafe _ = chown(folder.path, 65_534, 65_534)
    return ServerProcess.Launch(
      command: [
        "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all",
        "--bounding-set=-all",
      ], binary: copy)
  }

  /// With sockets that are open already, as with systemd's socket units (sd_listen_fds(3)).
  ///
  /// A socket is its kind and address, as `udp:127.0.0.1` and `tcp:::1`, on the test's port; or one of
  /// those that can't be served: `unix`, `file`, `dual`, `connected`, `silent`.
  static func passing(
    _ sockets: [String], names: String? = nil, listenPID: String? = nil, hasListenFlags: Bool,
    in folder: TemporaryFolder
  ) throws -> ServerProcess.Launch {
    let script = folder.file("activate.py")
    try """
    import os, socket, sys
    port = int(os.environ.pop("DNS_TEST_PORT"))
    kinds = {"udp": socket.SOCK_DGRAM, "tcp": socket.SOCK_STREAM}
    def opened(text):
        if text == "unix":
            made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            made.bind("")
            made.listen()
            return made.detach()
        if text == "file":
            return os.open("/dev/null", os.O_RDONLY)
        if text == "dual":
            made = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            made.bind(("::", port))
            return made.detach()
        if text == "connected":
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            made.bind(("127.0.0.1", port))
            made.connect(("127.0.0.1", 9))
            return made.detach()
        if text == "silent":
            made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            made.bind(("127.0.0.1", port))
            return made.detach()
        kind, address = text.split(":", 1)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        made = socket.socket(family, kinds[kind])
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == "tcp":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, port))
        if kind == "tcp":
            made.listen()
        else:
            # As ReceiveBuffer= does: SO_RCVBUFFORCE, where that is allowed.
            try:
                made.setsockopt(socket.SOL_SOCKET, 33, 2 << 20)
            except PermissionError:
                pass
        return made.detach()
    numbers = [opened(text) for text in sys.argv[1].split(",")]
    # Above all that they are to become.
    high = [os.dup2(number, 100 + index) for index, number in enumerate(numbers)]
    for index, number in enumerate(high):
        os.dup2(number, 3 + index, inheritable=True)
    os.closerange(3 + len(high), 200)
    os.environ["LISTEN_FDS"] = str(len(high))
    os.environ["LISTEN_PID"] = sys.argv[2] or str(os.getpid())
    if sys.argv[3]:
        os.environ["LISTEN_FDNAMES"] = sys.argv[3]
    os.execv(sys.argv[4], sys.argv[4:])
    """.write(toFile: script, atomically: false, encoding: .utf8)
    return ServerProcess.Launch(
      command: [
        "python3", script, sockets.joined(separator: ","), listenPID ?? "", names ?? "",
      ], hasListenFlags: hasListenFlags)
  }

  /// With each of fsync and fdatasync taking so many seconds.
  static func slowDisk(seconds: Int, in folder: TemporaryFolder) throws -> ServerProcess.Launch {
    try preloading(
      """
      #include <unistd.h>
      int fsync(int descriptor) { sleep(\(seconds)); return 0; }
      int fdatasync(int descriptor) { sleep(\(seconds)); return 0; }

      """, in: folder)
  }

  /// With a kernel that has no AIO.
  static func withoutAIO(in folder: TemporaryFolder) throws -> ServerProcess.Launch {
    try preloading(
      """
      #define _GNU_SOURCE
      #include <dlfcn.h>
      #include <errno.h>
      #include <sys/syscall.h>
      long syscall(long number, long a, long b, long c, long d, long e, long f) {
        if (number == SYS_io_setup) {
          errno = ENOSYS;
          return -1;
        }
        long (*next)(long, long, long, long, long, long, long) = dlsym(RTLD_NEXT, "syscall");
        return next(number, a, b, c, d, e, f);
      }

      """, in: folder)
  }

  /// With a kernel that tells nothing of its network.
  static func withoutNetlink(in folder: TemporaryFolder) throws -> ServerProcess.Launch {
    try preloading(
      """
      #define _GNU_SOURCE
      #include <dlfcn.h>
      #include <errno.h>
      #include <sys/socket.h>
      int socket(int family, int type, int protocol) {
        if (family == AF_NETLINK) {
          errno = EAFNOSUPPORT;
          return -1;
        }
        int (*next)(int, int, int) = dlsym(RTLD_NEXT, "socket");
        return next(family, type, protocol);
      }

      """, in: folder)
  }

  /// With signals that come while it starts, before it has looked at anything but its arguments.
  static func signalled(by signals: [Int32], in folder: TemporaryFolder) throws
    -> ServerProcess.Launch
  {
    try preloading(
      """
      #define _GNU_SOURCE
      #include <dlfcn.h>
      #include <signal.h>
      #include <string.h>
      #include <unistd.h>
      char *getenv(const char *name) {
        if (strcmp(name, "NOTIFY_SOCKET") == 0) {
          \(signals.map { "kill(getpid(), \($0));" }.joined(separator: " "))
        }
        char *(*next)(const char *) = dlsym(RTLD_NEXT, "getenv");
        return next(name);
      }

      """, in: folder)
  }

  /// With a clock that is off by as many seconds as a file says.
  ///
  /// - Parameter news: a named pipe into which eight octets are written when the clock is set, as the kernel
  ///   tells it; without one the kernel doesn't tell.
  static func movableClock(
    offset: String, news: String, in folder: TemporaryFolder
  ) throws -> ServerProcess.Launch {
    try preloading(
      """
      #define _GNU_SOURCE
      #include <errno.h>
      #include <fcntl.h>
      #include <stdlib.h>
      #include <sys/syscall.h>
      #include <time.h>
      #include <unistd.h>
      int clock_gettime(clockid_t clock, struct timespec *time) {
        int result = syscall(SYS_clock_gettime, clock, time);
        if (result != 0 || clock != CLOCK_REALTIME) return result;
        char text[32] = "";
        int file = open("\(offset)", O_RDONLY | O_CLOEXEC);
        if (file >= 0) {
          if (read(file, text, sizeof text - 1) > 0) time->tv_sec += atol(text);
          close(file);
        }
        return 0;
      }
      int timerfd_create(int clock, int flags) {
        int pipe = open("\(news)", O_RDWR | O_NONBLOCK | O_CLOEXEC);
        if (pipe < 0) errno = ENOSYS;
        return pipe;
      }
      int timerfd_settime(int timer, int flags, const struct itimerspec *end, struct itimerspec *old) {
        return 0;
      }

      """, in: folder)
  }

  /// With C functions of the test's own before those of the C library.
  static func preloading(
    _ code: String, in folder: TemporaryFolder
  ) throws -> ServerProcess.Launch {
    let source = folder.file("preloaded.c")
    try code.write(toFile: source, atomically: false, encoding: .utf8)
    let library = folder.file("preloaded.so")
    let compiler = (try? Tool.path("cc")) ?? "clang"
    let result = try Tool.run(compiler, ["-shared", "-fPIC", "-o", library, source, "-ldl"])
    guard result.status == 0 else {
      throw ServerProcess.NotReady(description: "\(compiler): \(result.errors)")
    }
    return ServerProcess.Launch(environment: ["LD_PRELOAD": library])
  }
}
