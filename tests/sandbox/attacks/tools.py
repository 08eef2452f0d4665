"""Look through every folder for programs, for modules that fetch packages, for devices and for borrowed rights."""

import contextlib
import importlib.util
import json
import os
import stat
from pathlib import Path

found = {"programs": [], "executables": [], "devices": [], "setuid": []}
for folder, folders, files in os.walk("/"):
    folders[:] = [name for name in folders if f"{folder}{name}" not in ("/proc", "/sys")]
    for path in (Path(folder, name) for name in files):
        try:
            info = path.lstat()
        except OSError:
            continue
        if stat.S_ISBLK(info.st_mode) or stat.S_ISCHR(info.st_mode):
            with contextlib.suppress(OSError):
                os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY))
                found["devices"].append([str(path), os.major(info.st_rdev), os.minor(info.st_rdev)])
        elif os.access(path, os.X_OK):
            found["executables"].append(str(path))
            with contextlib.suppress(OSError), path.open("rb") as file:
                if stat.S_ISREG(info.st_mode) and file.read(4) == b"\x7fELF" and ".so" not in path.name:
                    found["programs"].append(str(path))
        if info.st_mode & 0o6000 and stat.S_ISREG(info.st_mode) and not os.statvfs(path).f_flag & os.ST_NOSUID:
            found["setuid"].append(str(path))
found["modules"] = [name for name in ("pip", "ensurepip") if importlib.util.find_spec(name)]
print(json.dumps(found))
