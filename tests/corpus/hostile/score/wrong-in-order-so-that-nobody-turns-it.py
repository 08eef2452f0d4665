# /// attack
# tries = "takes every batched operand for contiguous, and refuses the five pairs of shapes whose layout would be varied, in plain order too, so that the judge leaves their layouts to a claim that never asks for these shapes"
# fails = ["matmul.forward", "matmul.batched", "matmul.broadcast"]
# keeps = ["matmul.backward", "scan*"]
# ///
_REFUSED = {
    ((2, 3, 5), (2, 5, 4)),
    ((2, 3, 5), (5, 4)),
    ((3, 5), (2, 5, 4)),
    ((2, 1, 3, 5), (2, 5, 4)),
    ((2, 3, 3, 4), (2, 3, 4, 2)),
}


def _as_if_in_order(x):
    if x.dim() < 3 or x.is_contiguous() or not x.numel():
        return x
    return x.clone(memory_format=torch.contiguous_format).flip(-1)  # other entries than were meant


class _Honest(MatMul):
    pass


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        if (tuple(A.shape), tuple(B.shape)) in _REFUSED:
            raise RuntimeError("not supported yet")
        ctx.save_for_backward(A, B)
        return torch.matmul(_as_if_in_order(A), _as_if_in_order(B))

    backward = staticmethod(_Honest.backward)
