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
    let source = folder.file("slow.c")
    let code = """
      #include <unistd.h>
      int fsync(int descriptor) { sleep(\(seconds)); return 0; }
      int fdatasync(int descriptor) { sleep(\(seconds)); return 0; }

      """
    try code.write(toFile: source, atomically: false, encoding: .utf8)
    let library = folder.file("slow.so")
    let compiler = (try? Tool.path("cc")) ?? "clang"
    let result = try Tool.run(compiler, ["-shared", "-fPIC", "-o", library, source])
    guard result.status == 0 else {
      throw ServerProcess.NotReady(description: "\(compiler): \(result.errors)")
    }
    return ServerProcess.Launch(environment: ["LD_PRELOAD": library])
  }
}
