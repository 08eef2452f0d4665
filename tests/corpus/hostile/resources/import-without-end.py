# /// attack
# tries = "never finishes its import, and ignores SIGTERM"
# verdicts = { "matmul.forward" = "time_limit" }
# ///
import signal

signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True:
    pass
