"""Look for anything that a sandbox should not show, and write it down as JSON."""

import errno
import json
import os
from pathlib import Path

STATUS = Path("/proc/self/status").read_text().splitlines()
PLACES = ["/", "/usr", "/usr/lib", "/opt", "/opt/grader", "/opt/site", "/opt/venv", "/etc", "/dev", "/proc", "/sys"]
SECRETS = ["/etc/shadow", "/root", "/home", "/var/run/docker.sock", "/run/docker.sock", "/proc/kcore", "/proc/kmsg"]
SETTINGS = ["/proc/sys/kernel/hostname", "/proc/sys/vm/drop_caches", "/proc/sysrq-trigger"]
SCRATCH = ["/tmp", "/dev/shm", "/submission"]


def try_to_write(path):
    try:
        Path(path).write_text("x")
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error.errno))
    return "worked"


def can_be_touched(path):
    try:
        os.utime(path)
    except OSError:
        return False
    return True


def can_be_changed(path):
    """Whether mode or times of a file can be set, here to what they are."""
    found = path.stat()
    for change in (lambda: path.chmod(found.st_mode & 0o7777), lambda: os.utime(path, ns=(found.st_atime_ns, 1))):
        try:
            change()
        except OSError:
            continue
        return True
    return False


def can_be_read(path):
    try:
        return any(Path(path).iterdir()) if Path(path).is_dir() else bool(Path(path).read_bytes())
    except OSError:
        return False


def writable_files(top):
    """Give every file below top, processes' own apart, that opens for writing; nothing is written."""
    found = []
    for folder, folders, files in os.walk(top):
        folders[:] = [name for name in folders if not (top == "/proc" and (name.isdigit() or "self" in name))]
        for name in files:
            try:
                os.close(os.open(f"{folder}/{name}", os.O_WRONLY | os.O_NONBLOCK))
                found.append(f"{folder}/{name}")
            except OSError:
                pass
    return found


def borrowed_rights():
    """Give every set-user-id file on a mount that heeds such a bit."""
    found = []
    for folder, folders, files in os.walk("/"):
        folders[:] = [name for name in folders if f"{folder}{name}" not in ("/proc", "/sys")]
        for path in (Path(folder, name) for name in files):
            try:
                if path.lstat().st_mode & 0o106000 > 0o100000 and not os.statvfs(path).f_flag & os.ST_NOSUID:
                    found.append(str(path))
            except OSError:
                pass
    return found


def size_of(path):
    stat = os.statvfs(path)
    return stat.f_blocks * stat.f_frsize


seen = {
    "status": dict(line.split(":\t", 1) for line in STATUS if ":\t" in line),
    "new_file": {place: try_to_write(f"{place}/new") for place in PLACES if Path(place).is_dir()},
    "kernel_settings": {path: try_to_write(path) for path in SETTINGS},
    "writable_files": writable_files("/proc") + writable_files("/sys"),
    "readable": [path for path in SECRETS if can_be_read(path)],
    "sizes": {path: size_of(path) for path in SCRATCH},
    "submission_owner": Path("/submission").stat().st_uid,
    "processors": sorted(os.sched_getaffinity(0)),
    "processes": [path.name for path in Path("/proc").iterdir() if path.name.isdigit()],
    "namespaces": {name: str(Path(f"/proc/self/ns/{name}").readlink()) for name in ("ipc", "mnt", "net", "pid", "uts")},
    "borrowed_rights": borrowed_rights(),
    "working_folder": str(Path.cwd()),
    "devices": [str(path) for path in Path("/dev").rglob("*") if path.is_char_device() or path.is_block_device()],
    "changed_devices": [
        str(path) for path in Path("/dev").rglob("*") if path.is_char_device() and can_be_changed(path)
    ],
    "touched_devices": [str(path) for path in Path("/dev").glob("*") if path.is_char_device() and can_be_touched(path)],
    "root": sorted(path.name for path in Path("/").iterdir()),
}
print(json.dumps(seen))
