# /// attack
# tries = "nothing: it changes folder, umask, recursion limit, signal handlers, excepthook, locale and niceness"
# fails = []
# keeps = ["[gcms]*.*"]
# docker = true
# ///
import atexit
import faulthandler
import gc
import locale
import os
import signal
import sys
import tempfile

os.chdir(tempfile.mkdtemp())
os.umask(0o077)
os.nice(1)
sys.setrecursionlimit(100_000)
sys.excepthook = lambda *_: print("oh")
signal.signal(signal.SIGTERM, lambda *_: print("terminated"))
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
locale.setlocale(locale.LC_ALL, "C")
atexit.register(print, "bye")
faulthandler.enable()
gc.disable()
