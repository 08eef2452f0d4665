"""Look through every folder for programs, for modules that fetch packages, for devices and for borrowed rights."""

import contextlib
import importlib.util
import json
import os
import stat

found = {"programs": [], "devices": [], "setuid": []}
for folder, folders, files in os.walk("/"):
    folders[:] = [name for name in folders if f"{folder}/{name}" not in ("//proc", "//sys")]
    for name in files:
        path = os.path.join(folder, name)
        try:
            info = os.lstat(path)
        except OSError:
            continue
        if stat.S_ISBLK(info.st_mode) or stat.S_ISCHR(info.st_mode):
            try:
                os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY))
                found["devices"].append([path, os.major(info.st_rdev), os.minor(info.st_rdev)])
            except OSError:
                pass
        elif stat.S_ISREG(info.st_mode) and os.access(path, os.X_OK):
            with contextlib.suppress(OSError), open(path, "rb") as file:
                if file.read(4) == b"\x7fELF" and ".so" not in name:
                    found["programs"].append(path)
        if info.st_mode & 0o6000 and stat.S_ISREG(info.st_mode) and not os.statvfs(path).f_flag & os.ST_NOSUID:
            found["setuid"].append(path)
found["modules"] = [name for name in ("pip", "ensurepip") if importlib.util.find_spec(name)]
print(json.dumps(found))
