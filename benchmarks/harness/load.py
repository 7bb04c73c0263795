"""dnsperf, and a measured round: a load on a server beside the CPU time that the server used for it."""

import re
import statistics
import time

from . import machine, processes

# A round in which others used more than this share of one core is marked.
BUSY = 0.15


class Load:
    """The outcome of a run of dnsperf."""

    def __init__(self, output):
        def number(pattern):
            found = re.search(pattern, output)
            return float(found.group(1)) if found else 0.0

        self.sent = int(number(r"Queries sent:\s+(\d+)"))
        self.answered = int(number(r"Queries completed:\s+(\d+)"))
        self.lost = int(number(r"Queries lost:\s+(\d+)"))
        self.rate = number(r"Queries per second:\s+([\d.]+)")
        self.seconds = number(r"Run time \(s\):\s+([\d.]+)")
        self.latency = number(r"Average Latency \(s\):\s+([\d.]+)")
        self.codes = {code: int(count) for code, count in re.findall(r"([A-Z]+) (\d+) \([\d.]+%\)", output)}


def dnsperf(bench, port, queries, seconds=None, runs=None, outstanding=200, clients=8, mode="udp", timeout=1, limit=60):
    """Runs dnsperf for a time, or a number of times through a file, at most `limit` seconds.

    dnsperf can wait for ever for a server that stopped answering, so it is also ended from outside.
    """
    length = min(seconds or limit, limit)
    command = ["dnsperf", "-s", "127.0.0.1", "-p", port, "-d", queries, "-q", outstanding, "-c", clients,
               "-T", 2, "-m", mode, "-t", timeout, "-l", length]
    if runs:
        command += ["-n", runs]
    return Load(processes.run(command, bench.load_core, length + timeout + 15))


def measure(bench, server, queries, **options):
    """One round; a dictionary of figures."""
    load_before, busy, cpu = machine.load_average(), machine.busy_seconds(), server.cpu()
    ours = machine.CPU(bench.pid)
    wall = time.monotonic()
    load = dnsperf(bench, server.port, queries, **options)
    after = server.cpu()
    wall = time.monotonic() - wall
    user, total = after.since(cpu)
    # Everything below this process: the servers, the upstream, dnsperf, which has ended by now.
    foreign = (machine.busy_seconds() - busy - machine.CPU(bench.pid).since(ours)[1]) / wall
    answered = max(load.answered, 1)
    return {
        "user": user / answered * 1e6,
        "total": total / answered * 1e6,
        "rate": load.rate,
        "busy share": total / wall,
        "answered": load.answered,
        "lost": load.lost,
        "sent": load.sent,
        "latency": load.latency * 1e6,
        "codes": load.codes,
        "load average": load_before,
        "foreign": round(max(foreign, 0.0), 3),
    }


def summary(rounds, key):
    """Median, least and most of a figure over rounds."""
    values = [r[key] for r in rounds]
    return statistics.median(values), min(values), max(values)


def is_busy(rounds):
    """Whether others worked on this machine in half of the rounds or more."""
    return statistics.median(r["foreign"] for r in rounds) > BUSY
