"""What the comparison asks the machine: processor time, memory, an empty page cache."""
import os
import resource
import time

TICK = os.sysconf("SC_CLK_TCK")
DROP_CACHES = "/proc/sys/vm/drop_caches"


def processor_seconds(pid):
    """User and system time of a running process."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def ended_processes_seconds():
    """User and system time of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def memory_mb(pid, entry="VmRSS"):
    """Resident memory of a running process; with `VmHWM` the most it ever was."""
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith(entry + ":"):
                return int(line.split()[1]) // 1024
    return 0


def stored_bytes(folder):
    return sum(os.lstat(os.path.join(path, name)).st_size
               for path, _, names in os.walk(folder) for name in names)


def can_drop_caches():
    return os.access(DROP_CACHES, os.W_OK)


def drop_caches():
    os.sync()
    with open(DROP_CACHES, "w") as file:
        file.write("3\n")


def busy_cores(seconds=0.5):
    """How many cores are at work, whoever works on them."""
    def read():
        with open("/proc/stat") as file:
            times = [int(value) for value in file.readline().split()[1:9]]
        return sum(times) - times[3] - times[4]
    before = read()
    time.sleep(seconds)
    return (read() - before) / TICK / seconds


class Quiet:
    """Waits until next to nothing else runs, up to so many seconds in all."""

    def __init__(self, patience=120):
        self.left = patience

    def wait(self):
        while self.left > 0:
            began = time.time()
            if busy_cores() < 0.2:
                return
            self.left -= time.time() - began


def describe():
    """The processor's name, cores and memory."""
    with open("/proc/cpuinfo") as file:
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{len(models)} × {models[0]}, {memory:.0f} GiB"
