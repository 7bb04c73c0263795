"""The servers that are compared: how each is started with one thread, a cache and one upstream."""

import json
import os
import shutil
import time

from . import machine, processes, zone

GIGABYTE = 1 << 30


class Server:
    """A server on a port of 127.0.0.1. Subclasses give the command and write configuration files."""

    name = ""
    program = ""
    note = ""
    speaks_tcp = True
    can_save = False
    caches = True
    # Whether memory for all entries is taken at the start, so that it doesn't grow.
    takes_all_at_start = False

    def __init__(self, bench, upstream_port, entries=1_200_000, cache_octets=None, stale=True):
        self.bench = bench
        self.upstream_port = upstream_port
        self.entries = entries
        self.cache_octets = cache_octets
        # Whether what has expired may be kept for when the upstream fails; for our server.
        self.stale = stale
        self.port = processes.free_port()
        self.folder = os.path.join(bench.scratch, f"{self.name}-{self.port}")
        os.makedirs(self.folder)
        os.chmod(self.folder, 0o777)
        self.process = None

    @classmethod
    def path(cls):
        # The daemons are in /usr/sbin, which is not on everybody's PATH.
        return shutil.which(cls.program, path=os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin")

    @classmethod
    def is_available(cls):
        return cls.path() is not None

    @classmethod
    def version(cls):
        return ""

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def command(self):
        raise NotImplementedError

    def start(self, prefix=(), seconds=60):
        self.process = processes.start(list(prefix) + self.command(), self.bench.server_core,
                                       log=f"{self.folder}/out.log", cwd=self.folder)
        try:
            self.seconds_to_answer = processes.wait_for_answer(
                self.port, f"first.w.{zone.ZONE}", self.process, seconds)
        except processes.Failure as failure:
            tail = machine.read(f"{self.folder}/out.log").strip()[-500:]
            raise processes.Failure(f"{self.name}: {failure}\n{tail}") from None
        return self

    @property
    def pid(self):
        return self.process.pid

    def cpu(self):
        return machine.CPU(self.pid)

    def resident(self):
        return machine.resident_octets(self.pid)

    def stop(self):
        if self.process:
            processes.stop(self.process)
            self.process = None


class Ours(Server):
    name = "dns-cache-server"
    can_save = True
    control = None

    @classmethod
    def path(cls):
        binary = os.environ.get("DNS_CACHE_SERVER") or os.path.join(
            os.path.dirname(__file__), "../../.build/release/dns-cache-server")
        return os.path.abspath(binary) if os.path.exists(binary) else None

    @classmethod
    def version(cls):
        return "this commit"

    def command(self):
        size = self.cache_octets or 256 << 20
        # Not the file in /etc, which an installed package may have left.
        configuration = self.write("server.yaml", self.configuration())
        return [self.path(), "run", "--config", configuration, "--listen", f"127.0.0.1:{self.port}",
                "--upstream", f"127.0.0.1:{self.upstream_port}", "--cache-file", f"{self.folder}/cache.snapshot",
                "--cache-save-interval", "0", "--control", f"{self.folder}/control.sock",
                "--cache-size", f"{size >> 20}MiB", "--log-level", "warning"] + (
                    [] if self.stale else ["--serve-stale", "0"])

    def configuration(self):
        """What stands in the file of settings."""
        return ""

    def ctl(self, *words, seconds=120):
        return processes.run([self.path(), "ctl", "--control", f"{self.folder}/control.sock", *words],
                             self.bench.load_core, seconds)

    def statistics(self):
        return json.loads(self.ctl("stats", "--json"))

    def save(self):
        """Saves the cache while serving; the seconds that took, and the file."""
        before = time.monotonic()
        self.ctl("cache", "save")
        return time.monotonic() - before, f"{self.folder}/cache.snapshot"


class WithLocalNames(Ours):
    """Ours with names of the LAN, routes, and a rule for the zone that is asked for."""
    name = "with-local-names"
    lines = 10_000

    def configuration(self):
        self.write("hosts", "".join(f"10.{i >> 16}.{i >> 8 & 255}.{i & 255} host{i}\n" for i in range(self.lines)))
        routes = ", ".join(f"{{domains: [corp{i}.example], upstream: [127.0.0.1:{self.upstream_port}]}}"
                           for i in range(5))
        return (f"routes: [{routes}]\nlocal: {{domain: home.arpa, hosts: [{self.folder}/hosts],\n"
                f"  zones: [{{name: {zone.ZONE}, kind: transparent, without: [TYPE65000]}}]}}\n")


class WithManyLocalNames(WithLocalNames):
    name = "with-many-local-names"
    lines = 100_000


class FloorHit(Server):
    name = "floor"
    caches = False
    speaks_tcp = False
    program = "cc"

    @classmethod
    def version(cls):
        return "answers unparsed"

    def command(self):
        return [self.bench.tool("floor-hit"), self.port]


class FloorMiss(FloorHit):
    @classmethod
    def version(cls):
        return "relays by ID"

    def command(self):
        return [self.bench.tool("floor-miss"), self.port, self.upstream_port]


class FloorMissPorts(FloorMiss):
    """What random ports cost by themselves."""

    name = "floor with random ports"

    @classmethod
    def version(cls):
        return ""

    def command(self):
        return [self.bench.tool("floor-miss-ports"), self.port, self.upstream_port]


class Dnsdist(Server):
    name = "dnsdist"
    program = "dnsdist"

    @classmethod
    def version(cls):
        return processes.run([cls.path(), "--version"]).split()[1]

    def command(self):
        configuration = self.write("dnsdist.conf", f"""
setLocal("127.0.0.1:{self.port}")
setACL("127.0.0.0/8")
setMaxUDPOutstanding(65535)
setMaxTCPClientThreads(1)
setMaxTCPConnectionsPerClient(0)
setSecurityPollSuffix("")
newServer({{address="127.0.0.1:{self.upstream_port}", sockets=4, checkInterval=60, maxCheckFailures=1000000}})
getPool(""):setCache(newPacketCache({self.entries}, {{maxTTL=86400, minTTL=0}}))
""")
        return [self.path(), "--supervised", "--disable-syslog", "-C", configuration]


class Unbound(Server):
    name = "unbound"
    program = "unbound"
    can_save = True

    @classmethod
    def version(cls):
        return processes.run([cls.path(), "-V"]).split()[1]

    def command(self):
        # One part for messages, two for records, the ratio that its manual advises.
        octets = self.cache_octets or GIGABYTE
        messages, records = octets // 3, octets - octets // 3
        self.configuration = self.write("unbound.conf", f"""
server:
  interface: 127.0.0.1
  port: {self.port}
  num-threads: 1
  do-ip6: no
  do-daemonize: no
  chroot: ""
  username: ""
  directory: "{self.folder}"
  pidfile: ""
  use-syslog: no
  verbosity: 0
  do-not-query-localhost: no
  access-control: 127.0.0.0/8 allow
  module-config: "iterator"
  msg-cache-size: {messages}
  rrset-cache-size: {records}
  msg-cache-slabs: 1
  rrset-cache-slabs: 1
  infra-cache-slabs: 1
  key-cache-slabs: 1
  outgoing-range: 4096
  num-queries-per-thread: 4096
  incoming-num-tcp: 100
  so-rcvbuf: 4m
  so-sndbuf: 4m
  so-reuseport: no
remote-control:
  control-enable: yes
  control-interface: "{self.folder}/control.sock"
  control-use-cert: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@{self.upstream_port}
""")
        return [self.path(), "-d", "-c", self.configuration]

    def dump(self):
        """Dumps the cache; the seconds that took, and the file."""
        before, path = time.monotonic(), f"{self.folder}/cache.dump"
        with open(path, "w") as file:
            file.write(processes.run(["unbound-control", "-c", self.configuration, "dump_cache"]))
        return time.monotonic() - before, path

    save = dump

    def load(self, path):
        before = time.monotonic()
        processes.run(["sh", "-c", 'exec unbound-control -c "$0" load_cache <"$1"', self.configuration, path])
        return time.monotonic() - before


class Dnsmasq(Server):
    name = "dnsmasq"
    program = "dnsmasq"
    takes_all_at_start = True
    note = "one process a TCP connection, twenty at most"

    @classmethod
    def version(cls):
        return processes.run([cls.path(), "--version"]).split()[2]

    def command(self):
        return [self.path(), "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
                "--bind-interfaces", "--listen-address=127.0.0.1", f"--port={self.port}", "--pid-file=", "--user=",
                f"--server=127.0.0.1#{self.upstream_port}", f"--cache-size={self.entries}",
                "--dns-forward-max=10000", "--log-facility=-"]


class Named(Server):
    name = "bind9"
    program = "named"

    @classmethod
    def version(cls):
        return processes.run([cls.path(), "-v"]).split()[1].split("-")[0]

    def command(self):
        configuration = self.write("named.conf", f"""
options {{
  directory "{self.folder}";
  pid-file none;
  session-keyfile none;
  managed-keys-directory "{self.folder}";
  listen-on port {self.port} {{ 127.0.0.1; }};
  listen-on-v6 {{ none; }};
  forward only;
  forwarders {{ 127.0.0.1 port {self.upstream_port}; }};
  dnssec-validation no;
  recursion yes;
  allow-query {{ 127.0.0.0/8; }};
  empty-zones-enable no;
  recursive-clients 20000;
  max-cache-size {self.cache_octets or GIGABYTE};
  tcp-clients 1000;
  minimal-responses yes;
}};
controls {{ }};
logging {{ category default {{ null; }}; }};
""")
        return [self.path(), "-f", "-n", "1", "-U", "1", "-c", configuration]


class Kresd(Server):
    name = "knot-resolver"
    program = "kresd"
    can_save = True

    def save(self):
        """Its cache is a file already, shared with the kernel."""
        return 0.0, f"{self.folder}/cache/data.mdb"

    def load(self, path):
        """Nothing is to be read before it can be used."""
        return 0.0

    def resident(self):
        """Its own memory, and its cache, which is a file that the kernel keeps in memory."""
        cache = os.stat(f"{self.folder}/cache/data.mdb").st_blocks * 512
        return machine.resident_octets(self.pid, "RssAnon:") + cache

    @classmethod
    def version(cls):
        return processes.run([cls.path(), "-V"]).split()[-1]

    def command(self):
        configuration = self.write("kresd.conf", f"""
net.listen('127.0.0.1', {self.port}, {{ kind = 'dns' }})
modules.unload('ta_update')
modules.unload('ta_signal_query')
modules.unload('priming')
modules.unload('detect_time_skew')
trust_anchors.remove('.')
cache.open({self.cache_octets or GIGABYTE}, 'lmdb://{self.folder}/cache')
policy.add(policy.all(policy.FORWARD('127.0.0.1@{self.upstream_port}')))
""")
        return [self.path(), "-n", "-q", "-c", configuration, self.folder]


class Recursor(Server):
    name = "pdns-recursor"
    program = "pdns_recursor"

    @classmethod
    def version(cls):
        import re
        import subprocess

        # It tells its version on the error stream, and a status of 99.
        result = subprocess.run([cls.path(), "--version"], capture_output=True, text=True)
        found = re.search(r"Recursor (\S+)", result.stdout + result.stderr)
        return found.group(1) if found else ""

    def command(self):
        self.write("recursor.conf", f"""
local-address=127.0.0.1
local-port={self.port}
allow-from=127.0.0.0/8
forward-zones-recurse=.=127.0.0.1:{self.upstream_port}
dont-query=
threads=1
pdns-distributes-queries=no
max-mthreads=4096
max-cache-entries={self.entries}
max-packetcache-entries={self.entries}
dnssec=off
socket-dir={self.folder}
security-poll-suffix=
daemon=no
disable-syslog=yes
quiet=yes
max-tcp-clients=1000
max-tcp-per-client=0
""")
        return [self.path(), f"--config-dir={self.folder}"]


PEERS = [Dnsdist, Unbound, Dnsmasq, Named, Kresd, Recursor]
