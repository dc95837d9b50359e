"""Facts of this machine: its name, its boot, its processors, its memory, and the kind of a mounted file system."""

from __future__ import annotations

import contextlib
import os
from functools import cache
from pathlib import Path

KERNEL_FOLDERS = ("/dev", "/proc", "/sys")
"""Folders whose files are no files of a disk: nothing is kept in them."""


@cache
def kernel_devices() -> frozenset[int]:
    """Return the devices of what the kernel shows as files; reading some of them waits for ever."""
    found = set()
    for folder in ("/proc", "/sys"):
        with contextlib.suppress(OSError):
            found.add(os.stat(folder).st_dev)
    return frozenset(found - {os.stat(os.sep).st_dev})


def host_name() -> str:
    """Return the name of this machine."""
    if hasattr(os, "uname"):
        return os.uname().nodename
    import platform  # takes longer than what it is asked here

    return platform.node()


@cache
def boot_id() -> str:
    """Return an id of this boot of the kernel; empty where the system names none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def cpu_count() -> int:
    """Return the number of processors that this process may use; at least 1."""
    affinity = getattr(os, "sched_getaffinity", None)
    if affinity is not None:
        return len(affinity(0))
    counted: int | None = getattr(os, "process_cpu_count", os.cpu_count)()
    return counted or 1


def memory() -> int:
    """Return the size of the main memory [bytes]; 0 where the system does not tell."""
    names = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" not in names or "SC_PAGE_SIZE" not in names:
        return 0
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def mount_type(path: Path) -> str:
    """Return the type of the file system that holds the path, such as `ext4` or `nfs4`; empty where it cannot be told."""
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
        place = path.resolve()
    except OSError:
        return ""
    found = ("", "")
    for line in lines:
        words = line.split(" ")
        if len(words) < 3:
            continue
        # The kernel writes blanks as octal escapes; a later mount at the same place hides an earlier one.
        point = words[1].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
        if place.is_relative_to(point) and len(point) >= len(found[0]):
            found = (point, words[2])
    return found[1]


def process_space() -> str:
    """Return what tells apart machines, boots and containers: inside of one, a process id means one process."""
    try:
        return f"{boot_id()} {os.readlink('/proc/self/ns/pid')}"
    except (OSError, AttributeError):
        return host_name()


def has_cuda() -> bool:
    """Return whether this machine seems to have a CUDA device; no library is asked, and Windows is given the benefit of doubt."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1"):
        return False  # it is hidden from every library
    return os.name == "nt" or any(
        os.path.exists(path) for path in ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg")
    )
