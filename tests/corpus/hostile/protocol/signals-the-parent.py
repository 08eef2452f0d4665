# /// attack
# tries = "sends its parent every signal there is but the deadly ones, again and again"
# fails = []
# slow = true
# ///
import os
import signal
import threading
import time


def pester():
    for _ in range(50):
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGUSR1, signal.SIGWINCH, signal.SIGCHLD, signal.SIGPIPE):
            if number in (signal.SIGHUP, signal.SIGINT, signal.SIGUSR1):
                continue
            try:
                os.kill(os.getppid(), number)
            except OSError:
                pass
        time.sleep(0.01)


threading.Thread(target=pester, daemon=True).start()
