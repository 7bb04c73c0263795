import Foundation
import Testing

extension EndToEnd {
  @Suite("Installed, as a package and by hand")
  struct PackageTests {
    let folder: TemporaryFolder

    init() throws {
      folder = try TemporaryFolder()
    }

    /// The repository, from where this file was compiled.
    static let repository = URL(filePath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().path

    /// Whether a whole system can be laid over this one, to be thrown away.
    static let mayOverlay =
      (try? Tool.run(
        "unshare",
        [
          "--mount", "--pid", "--fork", "sh", "-c",
          """
          mount -t tmpfs tmpfs /mnt && mkdir /mnt/u /mnt/w /mnt/m \
            && mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w /mnt/m
          """,
        ]
      ).status) == 0

    /// Runs a program of the repository on the binary under test.
    private func run(
      _ script: String, _ environment: [String: String?] = [:]
    ) throws -> Tool.Result {
      try Tool.run(
        "\(Self.repository)/scripts/\(script)", [],
        environment: environment.merging(["DNS_CACHE_SERVER": ServerProcess.binary]) { $1 },
        timeout: .seconds(300))
    }

    /// Every file below a folder, by its path from there.
    private func files(below path: String) throws -> [String] {
      try Tool.run("find", [path, "-type", "f", "-printf", "%P\n"]).output
        .split(separator: "\n").map(String.init).sorted()
    }

    @Test func `make install puts everything in place, and make uninstall takes it away`() throws {
      let root = folder.file("root")
      let installed = try run("install", ["DESTDIR": root, "PREFIX": "/opt/dns"])
      #expect(installed.status == 0, "\(installed.errors)")
      let unit = Tool.text(of: root + "/opt/dns/lib/systemd/system/dns-cache-server.service")
      #expect(unit.contains("ExecStart=/opt/dns/bin/dns-cache-server run"))
      #expect(
        try Tool.run(root + "/opt/dns/bin/dns-cache-server", ["--version"]).status == 0)
      let stripped = try Tool.run("nm", [root + "/opt/dns/bin/dns-cache-server"])
      #expect(stripped.errors.contains("no symbols"), "\(stripped.errors)")
      let names = try files(below: root)
      for page in ["README.md", "CHANGELOG.md", "docs/operations.md", "examples/home.yaml"] {
        #expect(names.contains { $0.hasSuffix("/doc/dns-cache-server/\(page)") }, "\(names)")
      }
      for page in ["man8/dns-cache-server.8.gz", "man5/dns-cache-server.yaml.5.gz"] {
        #expect(names.contains { $0.hasSuffix(page) }, "\(names)")
      }
      for name in ["bash-completion/completions/dns-cache-server", "_dns-cache-server", ".fish"] {
        #expect(names.contains { $0.hasSuffix(name) }, "\(names)")
      }

      // The administrator's file stays, both ways.
      let configuration = root + "/etc/dns-cache-server.yaml"
      try "mine\n".write(toFile: configuration, atomically: false, encoding: .utf8)
      #expect(try run("install", ["DESTDIR": root, "PREFIX": "/opt/dns"]).status == 0)
      #expect(try run("uninstall", ["DESTDIR": root, "PREFIX": "/opt/dns"]).status == 0)
      #expect(try files(below: root) == ["etc/dns-cache-server.yaml"])
      #expect(Tool.text(of: configuration) == "mine\n")
    }

    @Test(arguments: ["dns-cache-server.8", "dns-cache-server.yaml.5"])
    func `the manual is without a fault`(page: String) throws {
      let rendered = try Tool.run(
        "man", ["--warnings", "--local-file", "\(Self.repository)/docs/man/\(page)"],
        environment: ["LC_ALL": "C.UTF-8", "MANWIDTH": "100", "MANROFFSEQ": ""])
      #expect(rendered.status == 0)
      #expect(rendered.errors.isEmpty, "\(rendered.errors)")
      #expect(rendered.output.contains("SEE ALSO"))
    }

    @Test func `every configuration in the guide, and each line of the package's, is one`() throws {
      let guide = Tool.text(of: "\(Self.repository)/docs/operations.md")
      var files = guide.matches(of: /```yaml\n((?s).*?)```/).map { String($0.output.1) }
      #expect(files.count >= 3)
      // Its settings are comments; the words around them are not.
      let packaged = Tool.text(of: "\(Self.repository)/packaging/dns-cache-server.yaml")
      let settings = packaged.matches(of: /(?m)^# ( *[a-z-]+:(?: .*)?)$/).map {
        String($0.output.1)
      }
      #expect(settings.count >= 7)
      files += [packaged, settings.joined(separator: "\n") + "\n"]
      for text in files {
        try text.write(toFile: folder.file("file.yaml"), atomically: false, encoding: .utf8)
        let result = try Tool.run(ServerProcess.binary, ["check", folder.file("file.yaml")])
        #expect(result.status == 0, "\(result.errors)\n\(text)")
      }
    }

    @Test(arguments: ["bash", "zsh", "fish"])
    func `completions are scripts that their shell can read`(shell: String) throws {
      let script = try Tool.run(ServerProcess.binary, ["--generate-completion-script", shell])
      #expect(script.status == 0)
      #expect(script.output.contains("upstreams"))
      guard (try? Tool.path(shell)) != nil else { return }
      try script.output.write(
        toFile: folder.file("completion"), atomically: false, encoding: .utf8)
      let result = try Tool.run(shell, ["-n", folder.file("completion")])
      #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
    }

    @Test(.enabled(if: ServerProcess.isRelease, "the package holds what is shipped"))
    func `the package passes lintian without errors`() throws {
      let package = try package()
      let result = try Tool.run(
        "lintian", ["--allow-root", "--fail-on", "error", "--tag-display-limit", "0", package],
        environment: ["LC_ALL": "C.UTF-8"], timeout: .seconds(300))
      #expect(result.status == 0, "\(result.output)\(result.errors)")
      #expect(!result.output.contains("E: "), "\(result.output)")
      // The loop alone is linked: nothing of libevent's HTTP, DNS or TLS.
      let depends = try Tool.run("dpkg-deb", ["--field", package, "Depends"]).output
      #expect(depends.contains("libevent-core-") && !depends.contains("libevent-2"), "\(depends)")
    }

    @Test(.enabled(if: ServerProcess.isRelease, "the package holds what is shipped"))
    func `the same program gives the same package`() throws {
      // Compressing takes most of the time, and is not what could differ.
      func digest() throws -> String {
        try Tool.run("sha256sum", [try package(compression: "none")]).output
      }
      #expect(try digest() == digest())
    }

    private func package(compression: String = "gzip") throws -> String {
      let made = try run("deb", ["COMPRESSION": compression, "OUTPUT": folder.file("deb")])
      try #require(made.status == 0, "\(made.errors)")
      return made.output.split(separator: "\n").last.map(String.init) ?? ""
    }

    @Test(
      .enabled(if: ServerProcess.isRelease, "the package holds what is shipped"),
      .enabled(if: mayOverlay, "needs the right to mount: run as root"))
    func
      `the package installs, runs, stays configured when removed, and leaves nothing when purged`()
      throws
    {
      try FileManager.default.copyItem(
        atPath: try package(), toPath: folder.file("package.deb"))
      try Self.inside.write(
        toFile: folder.file("inside"), atomically: false, encoding: .utf8)
      // This very system, with a layer over it that is thrown away, and a network of its own.
      let script = """
        set -eu
        mount -t tmpfs tmpfs /mnt
        mkdir /mnt/upper /mnt/work /mnt/system
        mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work /mnt/system
        mount -t proc proc /mnt/system/proc
        mount --rbind /dev /mnt/system/dev
        mount -t tmpfs tmpfs /mnt/system/run
        mkdir /mnt/system/run/test /mnt/system/run/upper /mnt/system/run/lower
        mount --bind "$FOLDER" /mnt/system/run/test
        mount --bind /mnt/upper /mnt/system/run/upper
        mount --bind / /mnt/system/run/lower
        ip link set lo up
        exec chroot /mnt/system bash -eu /run/test/inside
        """
      let result = try Tool.run(
        "unshare",
        [
          "--mount", "--net", "--pid", "--fork", "--kill-child", "bash", "-c", script,
        ],
        environment: [
          "FOLDER": folder.path, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive",
          "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        ], timeout: .seconds(300))
      #expect(result.status == 0, "\(result.output)\n\(result.errors)")
      #expect(result.output.hasSuffix("nothing left\n"), "\(result.output)\n\(result.errors)")
    }

    /// What is done in the thrown-away system.
    ///
    /// First all that this system may have of the server goes: of the package, of `make install`, of a
    /// server that root started. A part of it is left there first, so that this is seen to work. Systemd
    /// does not run there: what it is told to start and stop is written down.
    private static let inside = """
      set -o pipefail
      fail() { echo "failed: $*" >&2; exit 1; }
      trap 'echo "failed in line $LINENO" >&2' ERR
      mkdir -p /var/lib/dns-cache-server /usr/local/lib/systemd/system /etc/systemd/system
      echo old >/var/lib/dns-cache-server/cache.snapshot
      echo 'listen: [192.0.2.1]' >/etc/dns-cache-server.yaml
      echo '[Service]' >/usr/local/lib/systemd/system/dns-cache-server.service
      getent passwd dns-cache-server >/run/user || useradd --system dns-cache-server

      if dpkg-query --show dns-cache-server >/run/dpkg.log 2>&1; then
        dpkg --purge dns-cache-server >/run/dpkg.log 2>&1 || fail "$(cat /run/dpkg.log)"
      fi
      rm -rf /var/lib/dns-cache-server /etc/dns-cache-server.yaml \\
        {/usr/local/lib,/lib,/etc}/systemd/system/dns-cache-server.{service,socket}{,.d} \\
        /etc/systemd/system/*.wants/dns-cache-server.{service,socket} /usr/local/bin/dns-cache-server
      if getent passwd dns-cache-server >/run/user; then userdel --force dns-cache-server; fi

      mkdir -p /run/systemd/system
      # Containers' systems forbid services, and leave out manuals.
      rm -f /usr/sbin/policy-rc.d /etc/dpkg/dpkg.cfg.d/*
      mv /usr/bin/systemctl /usr/bin/systemctl.real
      cat >/usr/bin/systemctl <<'END'
      #!/bin/sh
      echo "$*" >>/run/systemctl.log
      case "$*" in
        *preset* | *is-enabled*) SYSTEMD_OFFLINE=1 exec systemctl.real "$@" ;;
        *is-active*) exit 3 ;;
      esac
      END
      chmod 755 /usr/bin/systemctl
      # What is in the layer but not in this system, and what is in this system but removed in the layer. Other
      # programs go on meanwhile in this system itself.
      list() {
        (cd /run/upper && find . -path './run/*' -o -path './tmp/*' -o -path './var/lib/dpkg/*' \\
          -o -path './var/cache/*' -o -path './var/log/*' -o -name 'passwd*' -o -name 'group*' \\
          -o -name 'shadow*' -o -name 'gshadow*' -o -name 'sub[ug]id*' -o -print) \\
          | while read -r path; do
            if [ -c "/run/upper/$path" ]; then
              echo "removed $path"
            elif [ ! -e "/run/lower/$path" ] && [ ! -L "/run/lower/$path" ]; then
              echo "added $path"
            fi
          done | LC_ALL=C sort
      }
      list >/run/before
      getent passwd dns-cache-server && fail "the user is there already"

      dpkg --install /run/test/package.deb >/run/dpkg.log 2>&1 || fail "$(cat /run/dpkg.log)"
      grep -q 'start dns-cache-server.service' /run/systemctl.log || fail "not started"
      [ -L /etc/systemd/system/multi-user.target.wants/dns-cache-server.service ] || fail "not enabled"
      ldd /usr/bin/dns-cache-server | grep -i 'swift\\|not found' && fail "needs Swift"
      systemd-analyze verify dns-cache-server.service dns-cache-server.socket
      man --where dns-cache-server
      man --where dns-cache-server.yaml
      dns-cache-server check /etc/dns-cache-server.yaml

      # As its unit would start it, but for the unit.
      dns-cache-server run --user dns-cache-server --upstream 127.0.0.1:5399 --listen 127.0.0.1:53 \\
        2>/run/log &
      server=$!
      for attempt in $(seq 100); do
        dig @127.0.0.1 +tries=1 +time=1 CH TXT version.bind | grep -q dns-cache-server && break
        [ "$attempt" != 100 ] || fail "no answer: $(cat /run/log)"
        sleep 0.1
      done
      setpriv --reuid=games --regid=games --groups="$(getent group dns-cache-server | cut -d: -f3)" \\
        dns-cache-server ctl status >/run/status || fail "a member of the group may not ask it"
      if setpriv --reuid=games --regid=games --clear-groups dns-cache-server ctl status 2>/dev/null; then
        fail "anybody may ask it"
      fi
      kill $server
      wait $server
      [ "$(stat -c %U /var/lib/dns-cache-server/cache.snapshot)" = dns-cache-server ]

      dpkg --remove dns-cache-server >/run/dpkg.log 2>&1 || fail "$(cat /run/dpkg.log)"
      grep -q 'stop.*dns-cache-server.service' /run/systemctl.log || fail "not stopped"
      [ ! -e /usr/bin/dns-cache-server ] && [ -e /etc/dns-cache-server.yaml ]
      [ -e /var/lib/dns-cache-server/cache.snapshot ]

      echo '# mine' >>/etc/dns-cache-server.yaml
      : >/run/systemctl.log
      dpkg --install /run/test/package.deb >/run/dpkg.log 2>&1 || fail "$(cat /run/dpkg.log)"
      grep -q '# mine' /etc/dns-cache-server.yaml
      grep -q 'start dns-cache-server.service' /run/systemctl.log || fail "not started again"
      : >/run/systemctl.log
      dpkg --install /run/test/package.deb >/run/dpkg.log 2>&1 || fail "$(cat /run/dpkg.log)"
      grep -q 'restart dns-cache-server.service' /run/systemctl.log || fail "not restarted by an update"

      dpkg --purge dns-cache-server >/run/dpkg.log 2>&1 || fail "$(cat /run/dpkg.log)"
      getent passwd dns-cache-server && fail "the user is still there"
      list >/run/after
      diff /run/before /run/after || fail "this is left"
      [ ! -e /run/dns-cache-server ]
      echo "nothing left"
      """
  }
}
