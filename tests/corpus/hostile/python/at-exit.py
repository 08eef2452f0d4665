# /// attack
# tries = "atexit and thread hooks that print, hang and exit with another status, after an exit at import"
# ///
import atexit
import os
import threading
import time

atexit.register(lambda: time.sleep(10**6))
atexit.register(lambda: print("1 passed"))
atexit.register(lambda: os._exit(0))
threading._register_atexit(lambda: time.sleep(10**6)) if hasattr(threading, "_register_atexit") else None
raise SystemExit(0)
