"""Starts processes pinned to a core and ends each of them, whatever happens."""

import atexit
import os
import random
import signal
import socket
import subprocess
import time

STARTED = []


class Failure(Exception):
    """Something that the person who runs this can do something about."""


def start(command, core=None, log=None, **options):
    """Starts a command, on one core when given; its output goes to a file."""
    command = [str(word) for word in command]
    if core is not None:
        command = ["taskset", "-c", str(core)] + command
    output = open(log, "ab") if log else subprocess.DEVNULL
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                               start_new_session=True, **options)
    if log:
        output.close()
    STARTED.append(process)
    return process


def run(command, core=None, seconds=600, **options):
    """Runs a command to its end and returns its output."""
    command = [str(word) for word in command]
    if core is not None:
        command = ["taskset", "-c", str(core)] + command
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, start_new_session=True, **options)
    STARTED.append(process)
    try:
        output, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        raise Failure(f"{command} did not end within {seconds} s") from None
    finally:
        stop(process)
    if process.returncode:
        raise Failure(f"{' '.join(command[:6])} ended with {process.returncode}: {(errors or output).strip()[-800:]}")
    return output


def stop(process, seconds=20):
    """Ends a process that we started, politely first, and those that it started in its session."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
    try:
        # A session of its own, so this reaches only what we started.
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    process.wait(seconds)
    if process in STARTED:
        STARTED.remove(process)


@atexit.register
def stop_all():
    for process in reversed(list(STARTED)):
        try:
            os.kill(process.pid, signal.SIGCONT)
        except (ProcessLookupError, PermissionError):
            pass
        try:
            stop(process, 5)
        except subprocess.TimeoutExpired:
            pass


def free_port():
    """A port of 127.0.0.1 that nobody has for UDP or TCP, below those that the kernel gives out by itself."""
    for _ in range(1000):
        port = random.randint(20_000, 31_000)
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, socket.socket() as stream:
                datagrams.bind(("127.0.0.1", port))
                stream.bind(("127.0.0.1", port))
                return port
        except OSError:
            continue
    raise Failure("no free port on 127.0.0.1")


def query(name, kind=1, number=1):
    """A DNS query in wire form (RFC 1035 §4.1), recursion desired."""
    labels = b"".join(bytes([len(l)]) + l.encode() for l in name.split("."))
    return number.to_bytes(2, "big") + b"\1\0\0\1\0\0\0\0\0\0" + labels + b"\0" + kind.to_bytes(2, "big") + b"\0\1"


def ask(port, name, seconds=1.0):
    """Asks 127.0.0.1 for an A record; the rcode and the count of answers, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(seconds)
        client.connect(("127.0.0.1", port))
        try:
            client.send(query(name))
            reply = client.recv(4096)
        except OSError:
            return None
    return reply[3] & 15, int.from_bytes(reply[6:8], "big")


def wait_for_answer(port, name, process, seconds=60.0):
    """Waits until a server that was just started gives an answer; returns the seconds that took."""
    start_time = time.monotonic()
    while time.monotonic() - start_time < seconds:
        if process.poll() is not None:
            raise Failure(f"it ended at once, with status {process.returncode}")
        reply = ask(port, name, 0.2)
        if reply and reply[0] == 0 and reply[1] > 0:
            return time.monotonic() - start_time
        time.sleep(0.02)
    raise Failure(f"no answer within {seconds:.0f} s")
