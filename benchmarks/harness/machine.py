"""What this machine is, what runs on it, and what a process has used of it."""

import os
import platform
import time

TICKS = os.sysconf("SC_CLK_TCK")


def read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


def description():
    """One line that lets a reader judge the figures; names neither the host nor its owner."""
    model = next((l.split(":", 1)[1].strip() for l in read("/proc/cpuinfo").splitlines() if l.startswith("model name")),
                 platform.machine())
    memory = int(read("/proc/meminfo").split()[1]) / (1 << 20)
    release = dict(l.split("=", 1) for l in read("/etc/os-release").splitlines() if "=" in l)
    system = release.get("PRETTY_NAME", "Linux").strip('"')
    virtual = ", virtual" if " hypervisor " in read("/proc/cpuinfo") else ""
    kernel = platform.release().split("-")[0]
    return f"{os.cpu_count()} × {model}{virtual}, {memory:.0f} GiB, {system}, Linux {kernel}"


def load_average():
    return float(read("/proc/loadavg").split()[0])


def descendants(pid):
    """A process and all below it."""
    found, queue = [], [pid]
    while queue:
        process = queue.pop()
        found.append(process)
        for task in threads(process):
            queue += [int(p) for p in read(f"/proc/{process}/task/{task}/children").split()]
    return found


def threads(pid):
    try:
        return os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []


class CPU:
    """CPU time of a process, its threads, and its children, those that ended included."""

    def __init__(self, pid):
        self.wall = time.monotonic()
        self.total = 0  # nanoseconds, exact, of what runs now
        user = system = 0
        for process in descendants(pid):
            for task in threads(process):
                statistics = read(f"/proc/{process}/task/{task}/schedstat").split()
                self.total += int(statistics[0]) if statistics else 0
            fields = read(f"/proc/{process}/stat").rpartition(")")[2].split()
            if fields:
                user, system = user + int(fields[11]), system + int(fields[12])
                # Children that ended and were waited for, in ticks.
                user, system = user + int(fields[13]), system + int(fields[14])
                self.total += (int(fields[13]) + int(fields[14])) * 1_000_000_000 // TICKS
        self.user, self.system = user / TICKS, system / TICKS

    def since(self, before):
        """Seconds of (user, total) since an earlier reading; the ticks give the shares alone."""
        total = (self.total - before.total) / 1e9
        user, system = self.user - before.user, self.system - before.system
        share = user / (user + system) if user + system else 0.0
        return total * share, total


def busy_seconds():
    """Seconds that all processors have worked since the start."""
    fields = [int(f) for f in read("/proc/stat").split("\n", 1)[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / TICKS


def resident_octets(pid, kind="VmRSS:"):
    """Resident memory of a process and those below it: all, or of one kind (proc(5))."""
    octets = 0
    for process in descendants(pid):
        for line in read(f"/proc/{process}/status").splitlines():
            if line.startswith(kind):
                octets += int(line.split()[1]) * 1024
    return octets
