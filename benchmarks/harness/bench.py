"""The run as a whole: options, folders, the order of the works."""

import datetime
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from . import machine, processes, profile, report, servers, works, zone

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
WORKS = list(works.WORKS)
# Compared in a quick run; the others are left out of it.
QUICK = ["dns-cache-server", "dnsdist", "unbound", "dnsmasq"]


class Bench:
    def __init__(self, options):
        self.options = options
        self.pid = os.getpid()
        self.rounds = options.rounds or (2 if options.quick else 7)
        self.seconds = options.seconds or (1 if options.quick else 2.5)
        cores = sorted(os.sched_getaffinity(0))
        self.server_core = cores[-1] if options.server_core is None else options.server_core
        self.load_core = cores[-2 if len(cores) > 1 else -1] if options.load_core is None else options.load_core
        # What can be used again; what each run makes for itself is in a folder with a short name, since the
        # path of a control socket has 107 octets at most.
        self.folder = os.path.join(ROOT, ".build/bench")
        os.makedirs(self.folder, exist_ok=True)
        self.scratch = tempfile.mkdtemp(prefix="bench-")
        os.chmod(self.scratch, 0o755)
        self.kinds = []
        self.shared = {}
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: sys.exit(143))

    def tool(self, name, product=None, *options):
        """A program of ours in C, or what else the compiler's options make of it, built when its source is newer."""
        folder = os.path.join(ROOT, "benchmarks/floor")
        source, binary = os.path.join(folder, name + ".c"), os.path.join(self.folder, product or name)
        newest = max(os.path.getmtime(os.path.join(folder, f)) for f in os.listdir(folder))
        if not os.path.exists(binary) or os.path.getmtime(binary) < newest:
            subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-o", binary, source, *options], check=True)
        return binary

    def run(self):
        try:
            self.check()
            if self.options.profile or self.options.instructions or self.options.between_calls:
                return self.look_inside()
            return self.compare()
        finally:
            processes.stop_all()
            shutil.rmtree(self.scratch, ignore_errors=True)

    def check(self):
        for tool in ["dnsperf", "nsd", "nsd-control", "taskset", "cc"]:
            if not shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin"):
                raise processes.Failure(f"there is no {tool} here: scripts/setup bench installs it")
        if not servers.Ours.is_available():
            raise processes.Failure("our server is not built: make build")
        os.environ["PATH"] += ":/usr/sbin:/usr/local/sbin"
        unknown = set(self.options.only or []) - set(WORKS)
        if unknown:
            raise processes.Failure(f"no such work: {', '.join(unknown)}; there are {', '.join(WORKS)}")
        every = [servers.Ours] + servers.PEERS
        names = self.options.servers.split(",") if self.options.servers else (
            QUICK if self.options.quick else [kind.name for kind in every])
        unknown = set(names) - {kind.name for kind in every}
        if unknown:
            raise processes.Failure(
                f"no such server: {', '.join(sorted(unknown))}; there are {', '.join(k.name for k in every)}")
        for kind in every:
            if kind.name in names:
                if kind.is_available():
                    self.kinds.append(kind)
                else:
                    print(f"note: {kind.name} is not installed and is left out (scripts/setup bench)")

    def compare(self):
        begin = time.monotonic()
        folder = self.options.results or os.path.join(ROOT, ".build/bench/results")
        results = report.Results(folder)
        command = "benchmarks/run " + " ".join(shlex.quote(word) for word in sys.argv[1:])
        common = {"date": str(datetime.date.today()), "machine": machine.description(), "command": command.strip()}
        print(f"{common['date']}, {common['machine']}, load average {machine.load_average()}; "
              f"{self.rounds} rounds of {self.seconds} s, server on core {self.server_core}, load on {self.load_core}",
              flush=True)
        upstream = zone.Upstream(self.folder, self.scratch, self.load_core)
        failed = 0
        for name in self.options.only or [w for w in WORKS if not self.options.quick or w not in works.SLOW]:
            if name not in works.SHARING:
                self.stop_shared()
            print(f"\n{name} (after {time.monotonic() - begin:.0f} s)", flush=True)
            since = time.monotonic()
            try:
                outcome = works.WORKS[name](self, upstream)
            except processes.Failure as failure:
                print(f"  failed: {failure}", flush=True)
                failed += 1
                continue
            print(f"  took {time.monotonic() - since:.0f} s", flush=True)
            outcome = outcome if isinstance(outcome, list) else [outcome]
            for part, work in zip([name, "restart"], outcome):
                if work.rows:
                    results.works[part] = {**common, **work.as_dictionary()}
                    print("\n" + report.section(part, results.works[part]), flush=True)
            results.write()
        print(f"in all {time.monotonic() - begin:.0f} s; results in {os.path.relpath(folder)}")
        if self.options.record and not failed:
            results.record(os.path.join(ROOT, "docs/performance.md"), os.path.join(ROOT, "benchmarks/results"))
        return 1 if failed else 0

    def stop_shared(self):
        while self.shared:
            self.shared.popitem()[1].stop()

    def look_inside(self):
        upstream = zone.Upstream(self.folder, self.scratch, self.load_core)
        print(f"{datetime.date.today()} · {machine.description()} · load average {machine.load_average()}")
        few, many = zone.few(self.folder), zone.many(self.folder)
        views = {
            "hit": ("hits, 10,000 names", few, None),
            "cname": ("hits through a CNAME", zone.aliases(self.folder), None),
            "eight": ("hits with 8 records", zone.eights(self.folder), None),
            "nxdomain": ("NXDOMAIN hits", zone.absent(self.folder), None),
            "million": ("hits, 1,000,000 names at random", many, None),
            "miss": ("misses", few, zone.fresh(self.folder, "look", 1_000_000)),
        }
        for name in self.options.only or ["hit", "million"]:
            if name not in views:
                raise processes.Failure(f"a look inside is for {', '.join(views)}, not for {name}")
            label, queries, unseen = views[name]
            if self.options.profile:
                profile.sample(self, upstream, queries, label, self.seconds * 2, unseen)
            if self.options.between_calls:
                profile.between_calls(self, upstream, queries, label, self.seconds * 4, unseen)
            if self.options.instructions:
                profile.instructions(self, upstream, queries, label, 50_000, unseen)
        return 0
