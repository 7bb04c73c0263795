import Foundation
import Testing

extension EndToEnd {
  @Suite(
    "The system's name servers, which come and go",
    .enabled(if: StartTests.mayMount, "needs the right to make a mount namespace: run as root"))
  struct SystemServersTests {
    let folder: TemporaryFolder

    init() throws {
      folder = try TemporaryFolder()
    }

    /// Runs a script in a network of its own, with folders `/etc` and `/run` that it may write to.
    ///
    /// `upstream` starts one that has the same address for each name, and `serve FLAG…` the server; `answers` waits
    /// until it answers for a name, `asks` until it has an upstream.
    private func run(_ script: String) throws -> Tool.Result {
      let prelude = """
        set -eu
        mount -t tmpfs tmpfs /mnt
        mkdir /mnt/upper /mnt/work
        mount -t overlay overlay -o lowerdir=/etc,upperdir=/mnt/upper,workdir=/mnt/work /etc
        mount -t tmpfs tmpfs /run
        ip link set lo up
        jobs=()
        trap 'kill "${jobs[@]}"; wait' EXIT
        upstream() {
          python3 "$FOLDER/upstream.py" "$1" "$FOLDER/$1" &
          jobs+=($!)
          for attempt in $(seq 200); do
            if test -e "$FOLDER/$1"; then return; fi
            sleep 0.05
          done
          exit 1
        }
        serve() {
          "$SERVER" run --config "$NO_CONFIGURATION" --listen 127.0.0.1:53 \\
            --cache-file "$FOLDER/cache" --control "$FOLDER/control" "$@" 2>"$FOLDER/log" &
          jobs+=($!)
          for attempt in $(seq 200); do
            if control status >"$FOLDER/status" 2>&1; then return; fi
            sleep 0.05
          done
          cat "$FOLDER/log" >&2
          exit 1
        }
        control() { "$SERVER" ctl --control "$FOLDER/control" "$@"; }
        ask() { dig @127.0.0.1 +tries=1 +time=8 "$1"; }
        answers() {
          for attempt in $(seq 200); do
            if ask "$1.example.net" | grep -q '192\\.0\\.2\\.80'; then return; fi
            sleep 0.05
          done
          cat "$FOLDER/log" >&2
          exit 1
        }
        asks() {
          for attempt in $(seq 200); do
            if control upstreams | grep -q "^$1"; then return; fi
            sleep 0.05
          done
          control upstreams >&2
          cat "$FOLDER/log" >&2
          exit 1
        }

        """
      // Any name has the same address; a minimal server is enough.
      try """
      import socket, sys
      server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
      server.bind((sys.argv[1], 53))
      open(sys.argv[2], "w").close()
      while True:
          query, client = server.recvfrom(2000)
          end = query.index(b"\\0", 12) + 5
          answer = b"\\xc0\\x0c\\0\\x01\\0\\x01\\0\\0\\0\\x3c\\0\\x04\\xc0\\0\\x02\\x50"
          server.sendto(query[:2] + b"\\x81\\x80\\0\\x01\\0\\x01\\0\\0\\0\\0" + query[12:end] + answer, client)
      """.write(toFile: folder.file("upstream.py"), atomically: false, encoding: .utf8)
      return try Tool.run(
        "unshare", ["--mount", "--net", "bash", "-c", prelude + script],
        environment: [
          "FOLDER": folder.path, "NO_CONFIGURATION": folder.noConfiguration,
          "SERVER": ServerProcess.binary,
          "PATH": (ProcessInfo.processInfo.environment["PATH"] ?? "") + ":/usr/sbin:/sbin",
        ], timeout: .seconds(120))
    }

    @Test(arguments: [
      "rm -f /etc/resolv.conf", ": >/etc/resolv.conf",
      "echo nameserver 127.0.0.1 >/etc/resolv.conf",
    ])
    func `without any it starts, says so, and asks those that come`(before: String) throws {
      let result = try run(
        """
        \(before)
        upstream 127.0.0.99
        serve
        ask first.example.net
        grep -o 'no upstream: [^;]*' "$FOLDER/log"
        control status
        echo 'nameserver 127.0.0.99' >/etc/resolv.conf
        answers second
        """)
      #expect(result.status == 0, "\(result.errors)")
      #expect(result.output.contains("SERVFAIL"))
      #expect(
        result.output.contains("EDE: 14 (Not Ready): (no upstream is known yet)"),
        "\(result.output)")
      #expect(result.output.contains("no upstream: /etc/resolv.conf"))
      #expect(result.output.contains("no upstream is known yet\n"))
      if before.contains("127.0.0.1") { #expect(result.output.contains("but this one: 127.0.0.1")) }
    }

    @Test func `changes are taken up at once: written, replaced, linked elsewhere, and emptied`()
      throws
    {
      let result = try run(
        """
        upstream 127.0.0.99
        upstream 127.0.0.98
        rm -f /etc/resolv.conf
        ln -s ../run/manager/resolv.conf /etc/resolv.conf
        serve
        mkdir /run/manager
        echo 'nameserver 127.0.0.99' >/run/manager/resolv.conf
        asks 127.0.0.99
        answers first
        echo 'nameserver 127.0.0.98' >/run/manager/new
        mv /run/manager/new /run/manager/resolv.conf
        asks 127.0.0.98
        answers second
        : >/run/manager/resolv.conf
        echo 'nameserver 127.0.0.99' >/etc/new
        mv /etc/new /etc/resolv.conf
        asks 127.0.0.99
        answers third
        # Nobody: those before go on.
        : >/etc/resolv.conf
        answers fourth
        control upstreams
        """)
      #expect(result.status == 0, "\(result.errors)")
      #expect(result.output.contains("127.0.0.99"), "\(result.output)")
    }

    /// The list is replaced when the settings have been read and nobody watches it yet.
    @Test func `a change while it starts is taken up`() throws {
      let launch = try ServerProcess.Launch.preloading(
        """
        #define _GNU_SOURCE
        #include <stdio.h>
        #include <sys/syscall.h>
        #include <unistd.h>
        int timerfd_create(int clock, int flags) {
          rename("/etc/resolv.conf.next", "/etc/resolv.conf");
          return syscall(SYS_timerfd_create, clock, flags);
        }

        """, in: folder)
      let library = try #require(launch.environment["LD_PRELOAD"] ?? nil)
      let result = try run(
        """
        upstream 127.0.0.98
        echo 'nameserver 127.0.0.99' >/etc/resolv.conf
        echo 'nameserver 127.0.0.98' >/etc/resolv.conf.next
        LD_PRELOAD="\(library)" serve
        test ! -e /etc/resolv.conf.next
        asks 127.0.0.98
        answers first
        """)
      #expect(result.status == 0, "\(result.errors)")
    }

    @Test func `an address that becomes this host's own is no upstream any more`() throws {
      let result = try run(
        """
        upstream 127.0.0.99
        rm -f /etc/resolv.conf
        printf 'nameserver 192.168.7.1\\nnameserver 127.0.0.99\\n' >/etc/resolv.conf
        serve --listen lo
        asks 192.168.7.1
        ip addr add 192.168.7.1/24 dev lo
        isListening() { grep 'listening address=192.168.7.1:53' "$FOLDER/log"; }
        for attempt in $(seq 200); do
          if isListening; then break; fi
          sleep 0.05
        done
        isListening
        control upstreams
        dig @192.168.7.1 +tries=1 +time=8 first.example.net
        """)
      #expect(result.status == 0, "\(result.output)\(result.errors)")
      #expect(!result.output.contains("192.168.7.1:53 "), "\(result.output)")
      #expect(result.output.contains("192.0.2.80"), "\(result.output)")
    }

    @Test func `systemd-resolved is not asked when it asks this server, but those that it knows`()
      throws
    {
      let result = try run(
        """
        upstream 127.0.0.99
        mkdir -p /run/systemd/resolve
        printf 'nameserver 127.0.0.1\\nnameserver 127.0.0.99\\n' >/run/systemd/resolve/resolv.conf
        echo 'nameserver 127.0.0.53' >/run/systemd/resolve/stub-resolv.conf
        rm -f /etc/resolv.conf
        ln -s ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
        serve
        answers first
        control upstreams
        """)
      #expect(result.status == 0, "\(result.errors)")
      #expect(result.output.contains("127.0.0.99") && !result.output.contains("127.0.0.53"))
    }
  }
}
