# /// attack
# slow = true
# tries = "locks itself up further: its own seccomp filter that lies about kill, wait and close, a landlock without rights, memory that is sealed; then looks for what the next part inherits"
# fails = []
# keeps = ["gpt.load", "scan.tiled"]
# ///
import ctypes as _ctypes
import struct as _struct

_libc = _ctypes.CDLL(None, use_errno=True)
_rules = b"".join(
    _struct.pack("<HBBI", *rule)
    for rule in (
        (0x20, 0, 0, 0),  # the call's number
        (0x15, 2, 0, 3),  # close
        (0x15, 1, 0, 61),  # wait4
        (0x06, 0, 0, 0x7FFF0000),  # allow
        (0x06, 0, 0, 0x00050000),  # nothing happens, and it says 0
    )
)
_buffer = _ctypes.create_string_buffer(_rules)
_program = _struct.pack("<HxxxxxxQ", 5, _ctypes.addressof(_buffer))
_again = _ctypes.create_string_buffer(_program)
print("filter", _libc.syscall(317, 1, 1, _again), _ctypes.get_errno())
_handled = _ctypes.create_string_buffer(_struct.pack("<QQQ", 0x7FFF, 0, 0))
_ruleset = _libc.syscall(444, _handled, 8, 0)
print("landlock", _ruleset, _libc.syscall(446, _ruleset, 0), _ctypes.get_errno())
