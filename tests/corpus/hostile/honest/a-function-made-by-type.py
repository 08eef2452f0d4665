# /// attack
# slow = true
# tries = "nothing: MatMul is made by type() from functions of another module of its own, in the setup_context style, and saves one tensor for both"
# into = "matmul.py"
# fails = []
# keeps = ["gpt.*", "cache.*", "matmul.*", "scan.*"]
# only = "matmul.*"
# ///
_reduce = reduce_to


def _forward(A, B):
    return torch.matmul(A, B)


def _setup(ctx, inputs, output):
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*inputs)


def _backward(ctx, dC):
    if dC is None:
        return [None, None]
    A, B = ctx.saved_tensors
    wanted = ctx.needs_input_grad
    return [
        _reduce(dC @ B.mT, A.shape) if wanted[0] else None,
        _reduce((dC.mT @ A).mT, B.shape) if wanted[1] else None,
    ]


_methods = {"forward": staticmethod(_forward), "setup_context": staticmethod(_setup), "backward": staticmethod(lambda ctx, dC: tuple(_backward(ctx, dC)))}
MatMul = type("MatMul", (torch.autograd.Function,), _methods | {"__doc__": None, "__module__": "elsewhere", "generate_vmap_rule": True})
