# /// attack
# slow = true
# tries = "nothing: logits, keys and gradients come as negated and conjugated views, expanded, strided and of storage that is longer than they are"
# into = "minigpt.py"
# fails = []
# keeps = ["gpt.*", "cache.*", "matmul.*", "scan.*"]
# only = "[cg][ap][ct]*"
# ///
_pass = MiniGPT._run


def _negative(x):
    return torch.complex(torch.zeros_like(x), -x).conj().imag if x.dtype in (torch.float32, torch.float64) else x


def _odd(self, idx, cache):
    logits, grown = _pass(self, idx, cache)
    wide = torch.stack([logits, logits], -1).flatten(-2)[..., ::2]
    return _negative(wide), [(_negative(k), _negative(v)) for k, v in grown]


MiniGPT._run = _odd
