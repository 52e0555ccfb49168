"""What is in a folder, a small disk of its own, and files from the future."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

posix = pytest.mark.skipif(os.name != "posix", reason="locks of POSIX")


def contents(folder):
    paths = Path(folder).rglob("*")
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths if path.is_file()}


class Disk:
    """A file system of its own in memory."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.mount("tmpfs", "size=128k")

    def mount(self, kind, options):
        command = ["mount", "-t", kind, "-o", options, "none", str(self.folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")

    def again(self, options):
        command = ["mount", "-o", f"remount,{options}", str(self.folder)]
        subprocess.run(command, check=True, capture_output=True)

    def fill(self, left=0):
        """Leaves so many bytes, in pages of memory, free."""
        free = shutil.disk_usage(self.folder).free - left
        (self.folder / "filler").write_bytes(bytes(free))


def from_the_future(folder):
    """Makes all files of a folder a year younger than now."""
    later = Path(folder).stat().st_mtime + 365 * 86400
    for path in [*Path(folder).rglob("*"), Path(folder)]:
        os.utime(path, (later, later))
