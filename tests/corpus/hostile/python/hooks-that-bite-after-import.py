# /// attack
# slow = true
# tries = "adds an audit hook, a garbage-collection callback, a finalizer and an import hook that raise or end the process in whatever runs next, and a codec that lies"
# keeps = ["gpt.load", "scan.tiled"]
# ///
import codecs as _codecs
import gc as _gc
import sys as _sys
import weakref as _weakref


class _Import:
    def find_spec(self, name, path, target=None):
        raise SystemExit(f"no {name}")


def _audit(event, arguments):
    if event in ("import", "socket.sendto", "open", "exec", "ctypes.dlopen", "object.__getattr__", "gc.get_objects"):
        raise KeyboardInterrupt(event)


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        _sys.meta_path.insert(0, _Import())
        _codecs.register(lambda name: 1 / 0)
        _gc.callbacks.append(lambda phase, info: _sys.exit(3))
        _weakref.finalize(A, _sys.exit, 4)
        _sys.addaudithook(_audit)
        for name in ("json", "safetensors", "torch._C", "struct"):
            _sys.modules.pop(name, None)
        _sys.modules["json"] = _sys.modules["safetensors"] = None
        return torch.zeros(A.shape[-2], B.shape[-1], dtype=A.dtype)

    @staticmethod
    def backward(ctx, dC):
        return None, None
