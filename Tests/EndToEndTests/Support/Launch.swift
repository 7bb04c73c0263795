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

  /// With C functions of the test's own before those of the C library.
  private static func preloading(
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
