# /// attack
# tries = "looks for expected answers in every object, frame, module and memory map of its process"
# base = "blank"
# ///
import gc
import sys

import torch


def loot(shape, dtype):
    frame = sys._getframe()
    tensors = [thing for thing in gc.get_objects() if isinstance(thing, torch.Tensor)]
    while frame is not None:
        for name, value in frame.f_locals.items():
            if isinstance(value, torch.Tensor):
                tensors.append(value)
        frame = frame.f_back
    for name, module in list(sys.modules.items()):
        if "reference" in name and hasattr(module, "MatMul"):
            return module.MatMul
    for tensor in tensors:
        if tuple(tensor.shape) == tuple(shape) and tensor.dtype == dtype:
            return tensor.detach().clone()
    try:
        with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb") as memory:
            for row in maps:
                if "[heap]" in row:
                    low, high = (int(x, 16) for x in row.split()[0].split("-"))
                    memory.seek(low)
                    found = memory.read(high - low).find(b"expected")
                    print("heap", found)
    except OSError:
        pass
    return torch.zeros(shape, dtype=dtype)


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        return loot((*torch.broadcast_shapes(A.shape[:-2], B.shape[:-2]), A.shape[-2], B.shape[-1]), A.dtype)

    @staticmethod
    def backward(ctx, dC):
        return tuple(loot(x.shape, x.dtype) for x in ctx.saved_tensors)
