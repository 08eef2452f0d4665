# /// attack
# tries = "asks for core dumps and crashes by a wild pointer in each call"
# verdicts = { "matmul.forward" = "runtime_error" }
# slow = true
# ///
import ctypes
import resource

try:
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)
except (ValueError, OSError):
    pass


def forward(ctx, A, B):
    ctypes.string_at(0)


MatMul.forward = staticmethod(forward)
