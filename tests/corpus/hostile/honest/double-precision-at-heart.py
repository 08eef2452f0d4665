# /// attack
# slow = true
# tries = "nothing: computes attention in float64 whatever its weights are, makes float64 the default, denormals zero and algorithms deterministic, and raises warnings by the thousand"
# into = "minigpt.py"
# fails = []
# keeps = ["gpt.*", "cache.*", "matmul.*", "scan.*"]
# only = "gpt.*"
# ///
import warnings as _warnings

torch.set_default_dtype(torch.float64)
torch.set_flush_denormal(True)
torch.use_deterministic_algorithms(True)
torch.set_printoptions(profile="full")
_warnings.simplefilter("always")
_attend = Attention.forward


def _once(self, x, past):
    _warnings.warn("doubled")
    if getattr(self, "inside", False):
        return _attend(self, x, past)
    self.inside = True
    try:
        weights = {n: p.double() for n, p in self.named_parameters()}
        wide = None if past is None else (past[0].double(), past[1].double())
        y, (k, v) = torch.func.functional_call(self, weights, (x.double(), wide))
    finally:
        self.inside = False
    return y.to(x.dtype), (k.to(x.dtype), v.to(x.dtype))


Attention.forward = _once
