import Foundation
import Testing

extension EndToEnd {
  @Suite("The units of systemd")
  struct UnitTests {
    static let units = PackageTests.repository + "/packaging/systemd"

    let folder: TemporaryFolder

    init() throws {
      folder = try TemporaryFolder()
      // With the binary under test in the place of the one that would be installed.
      for kind in ["service", "socket"] {
        try Tool.text(of: "\(Self.units)/dns-cache-server.\(kind)")
          .replacing("/usr/bin/dns-cache-server", with: ServerProcess.binary)
          .write(
            toFile: folder.file("dns-cache-server.\(kind)"), atomically: false, encoding: .utf8)
      }
    }

    @Test func `systemd finds no fault in them`() throws {
      let result = try Tool.run(
        "systemd-analyze",
        [
          "verify", "--man=no", folder.file("dns-cache-server.service"),
          folder.file("dns-cache-server.socket"),
        ])
      #expect(result.status == 0)
      // Other units of this system may be complained about as well.
      #expect(!result.errors.contains("dns-cache-server"), "\(result.errors)")
    }

    @Test func `the service is exposed to little, by systemd's own measure`() throws {
      // Tenths; docs/operations.md has what it came to, and what the rest is.
      let threshold = 15
      let result = try Tool.run(
        "systemd-analyze",
        [
          "security", "--offline=yes", "--threshold=\(threshold)",
          folder.file("dns-cache-server.service"),
        ])
      #expect(result.status == 0, "\(result.output)\(result.errors)")
    }

    @Test func `what the server does is among the system calls that its unit allows`() throws {
      let nsd = try NSD()
      // Whatever is forbidden ends it here, where systemd would give an error.
      let script = folder.file("filter.py")
      try Self.filter.write(toFile: script, atomically: false, encoding: .utf8)
      let launch = ServerProcess.Launch(command: [
        "python3", script, try allowedCalls().joined(separator: ","),
        try addressFamilies().joined(separator: ","),
      ])
      let server = try ServerProcess(upstreams: [nsd.endpoint], folder: folder, launch: launch)
      #expect(try server.dig("www.example.net").status == "NOERROR")
      #expect(try server.dig("+tcp", "one.example.net").status == "NOERROR")
      #expect(try server.dig("+tcp", "missing.example.net").status == "NXDOMAIN")
      #expect(try server.ctl("cache", "save").status == 0)
      #expect(try server.ctl("cache", "dump").status == 0)
      #expect(try server.ctl("stats").status == 0)
      server.process.signal(SIGHUP)
      server.process.signal(SIGUSR1)
      #expect(eventually { server.logLines(containing: "cache saved").count >= 2 })
      // The AIO and netlink that it can do without: it says so where they fail.
      #expect(server.logLines(containing: "aren't told").isEmpty)
      #expect(server.terminate() == .exited(0), "\(server.log)")
      try server.start()
      #expect(
        try eventually {
          try server.ctl("cache", "show", "www.example.net").output.contains("192.0.2.80")
        })
      #expect(server.terminate() == .exited(0), "\(server.log)")
    }

    /// The values of a setting of the service, in order.
    private func values(of setting: String) -> [Substring] {
      Tool.text(of: folder.file("dns-cache-server.service")).split(separator: "\n")
        .filter { $0.hasPrefix("\(setting)=") }.map { $0.dropFirst(setting.count + 1) }
    }

    /// What SystemCallFilter= of the unit comes to: groups are added, or taken away with `~`, in order.
    private func allowedCalls() throws -> [String] {
      var allowed = try calls(of: "@default")
      for value in values(of: "SystemCallFilter") {
        let isTaken = value.hasPrefix("~")
        for word in value.drop(while: { $0 == "~" }).split(separator: " ") {
          let calls = try calls(of: String(word))
          if isTaken { allowed.subtract(calls) } else { allowed.formUnion(calls) }
        }
      }
      try #require(allowed.count > 100 && allowed.contains("prlimit64"))
      return allowed.sorted()
    }

    private func calls(of word: String) throws -> Set<String> {
      guard word.hasPrefix("@") else { return [word] }
      let text = try Tool.run("systemd-analyze", ["syscall-filter", word]).output
      var all: Set<String> = []
      for line in text.split(separator: "\n").dropFirst() {
        let entry = line.split(whereSeparator: \.isWhitespace).first.map(String.init) ?? "#"
        if !entry.hasPrefix("#") { all.formUnion(try calls(of: entry)) }
      }
      return all
    }

    /// The numbers of the families that RestrictAddressFamilies= allows.
    private func addressFamilies() throws -> [String] {
      let numbers = [
        "AF_UNIX": AF_UNIX, "AF_INET": AF_INET, "AF_INET6": AF_INET6, "AF_NETLINK": AF_NETLINK,
      ]
      return try values(of: "RestrictAddressFamilies").flatMap { $0.split(separator: " ") }
        .map { String(try #require(numbers[String($0)])) }
    }

    /// Forbids all but the system calls and address families named, then becomes the program.
    ///
    /// Memory that can be written and executed is forbidden as well. SIGSYS ends what asks for more.
    private static let filter = """
      import ctypes, glob, os, platform, re, struct, sys

      machine = platform.machine()
      header = {"x86_64": "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
                "aarch64": "/usr/include/asm-generic/unistd.h"}[machine]
      audit = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}[machine]
      with open(header) as file:
          numbers = {name: int(number) for name, number in
                     re.findall(r"#define __NR3?2?_?_?(\\w+)\\s+(\\d+)$", file.read(), re.M)}
      allowed = sorted({numbers[name] for name in sys.argv[1].split(",") if name in numbers})
      families = [int(text) for text in sys.argv[2].split(",")]
      # To become the program, which systemd does before the filter holds for it.
      assert numbers["execve"] in allowed and len(allowed) > 100

      LOAD, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06
      ALLOW, KILL = 0x7FFF0000, 0x80000000
      code = [(LOAD, 0, 0, 4), (JUMP_EQUAL, 1, 0, audit), (RETURN, 0, 0, KILL), (LOAD, 0, 0, 0)]
      # socket(): the family is its first argument.
      code.append((JUMP_EQUAL, 0, len(families) + 3, numbers["socket"]))
      code.append((LOAD, 0, 0, 16))
      for index, family in enumerate(families):
          code.append((JUMP_EQUAL, len(families) - index, 0, family))
      code.append((RETURN, 0, 0, KILL))
      code.append((RETURN, 0, 0, ALLOW))
      for number in allowed:
          code.append((JUMP_EQUAL, 0, 1, number))
          code.append((RETURN, 0, 0, ALLOW))
      code.append((RETURN, 0, 0, KILL))

      program = b"".join(struct.pack("HBBI", *line) for line in code)
      buffer = ctypes.create_string_buffer(program)
      head = struct.pack("HxxxxxxP", len(code), ctypes.addressof(buffer))
      libc = ctypes.CDLL(None, use_errno=True)
      zero = ctypes.c_ulong(0)
      # PR_SET_NO_NEW_PRIVS, PR_SET_MDWE where the kernel has it (6.3), PR_SET_SECCOMP.
      assert libc.prctl(38, ctypes.c_ulong(1), zero, zero, zero) == 0
      libc.prctl(65, ctypes.c_ulong(1), zero, zero, zero)
      assert libc.prctl(22, ctypes.c_ulong(2), ctypes.c_char_p(head), zero, zero) == 0, ctypes.get_errno()
      os.execv(sys.argv[3], sys.argv[3:])
      """
  }
}
