# /// attack
# slow = true
# tries = "sends its parent descriptors by the hundred and urgent bytes out of line, then a reply with an urgent byte in its middle"
# base = "blank"
# ///
import array
import os
import socket
import sys


def line():
    frame = sys._getframe()
    while frame is not None:
        found = frame.f_locals.get("line")
        if hasattr(found, "sock"):
            return found
        frame = frame.f_back


sock = line().sock
folders = [os.open("/tmp", os.O_RDONLY) for _ in range(200)]
for _ in range(20):
    try:
        sock.sendmsg([b"\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", folders))])
        sock.send(b"!", socket.MSG_OOB | socket.MSG_DONTWAIT)
    except OSError as error:
        print(error)


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        sock.send(b"\0\0\0\x10\0\0\0\0", 0)
        try:
            sock.send(b"\0", socket.MSG_OOB)
        except OSError as error:
            print(error)
        sock.send(b'\0\0\0\0{"id": "", "ok": {}}', 0)
        return A @ B

    @staticmethod
    def backward(ctx, dC):
        return None, None
