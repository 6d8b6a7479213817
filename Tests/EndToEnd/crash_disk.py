"""File systems of our own, that can be filled and cut off from power."""
import os
import subprocess
import tempfile
import time


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout.strip()


class Memory:
    """A small file system in memory."""

    def __init__(self, path, mebibytes):
        self.path = path
        os.makedirs(path, exist_ok=True)
        run("mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", path)

    def end(self):
        run("umount", self.path)


class Disk:
    """An ext4 file system in a file, whose power can be cut."""

    def __init__(self, path, mebibytes):
        self.path = path
        self.image = path + ".image"
        self.device = None
        os.makedirs(path, exist_ok=True)
        with open(self.image, "wb") as image:
            image.truncate(mebibytes << 20)
        # No part of it is kept for root: full is full.
        run("mkfs.ext4", "-q", "-F", "-m", "0", self.image)
        self.device = run("losetup", "--find", "--show", self.image)
        try:
            self.mount()
        except OSError:
            run("losetup", "--detach", self.device)
            raise

    def mount(self):
        run("mount", self.device, self.path)

    def cut_power(self):
        """What is not on the medium by now never gets there."""
        run("xfs_io", "-x", "-c", "shutdown", self.path)

    def restore_power(self):
        self.unmount()
        self.mount()

    def unmount(self):
        for _ in range(100):
            try:
                return run("umount", self.path)
            except OSError as error:
                if "busy" not in str(error):
                    raise
                time.sleep(0.05)
        raise OSError(f"{self.path} stays busy")

    def end(self):
        if os.path.ismount(self.path):
            self.unmount()
        run("losetup", "--detach", self.device)


def obstacle(make):
    """Why file systems cannot be mounted here; nothing when they can."""
    with tempfile.TemporaryDirectory() as directory:
        try:
            make(os.path.join(directory, "probe"), 16).end()
        except (OSError, subprocess.SubprocessError) as error:
            return f"no file system can be mounted here ({error})"
    return None
