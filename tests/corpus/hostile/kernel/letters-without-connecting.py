# /// attack
# slow = true
# tries = "sends datagrams by address from a pair that is joined already, to the door, to abstract names, and to netlink and vsock addresses"
# fails = []
# keeps = ["gpt.*", "matmul.*", "scan.*"]
# ///
import ctypes as _ctypes
import socket as _socket

for _kind in (_socket.SOCK_DGRAM, _socket.SOCK_SEQPACKET, _socket.SOCK_STREAM):
    _one, _other = _socket.socketpair(_socket.AF_UNIX, _kind)
    for _address in ("@door@", "\0", "\0/tmp/.X11-unix/X0", "/run/docker.sock", "/run/systemd/notify", "/dev/log", "/proc/1/fd/0"):
        try:
            _one.sendto(b"@token@", _address)
            if _kind == _socket.SOCK_DGRAM:  # a packet of a sequence goes to its pair, whatever it is addressed to
                print("WORKED: sent to", repr(_address))
        except OSError as _error:
            print(_kind, repr(_address), _error.strerror)
    _libc = _ctypes.CDLL(None, use_errno=True)
    for _family in (2, 10, 16, 17, 38, 40, 29, 44):
        if _libc.syscall(53, _family, int(_kind), 0, (_ctypes.c_int * 2)()) == 0 or _libc.syscall(41, _family, int(_kind), 0) >= 0:
            print("WORKED: a socket of family", _family)
    if _libc.syscall(53, 1 | 2 << 32, int(_kind), 0, (_ctypes.c_int * 2)()) not in (0, -1):
        print("WORKED: an odd family")
