# /// attack
# tries = "decode is wrong in float64 and for six rows or more, generate for six rows or more, forward for eleven rows"
# into = "minigpt.py"
# only = "[gc]*"
# fails = ["cache.decode", "cache.generate"]
# ///
_f, _d, _g = MiniGPT.forward, MiniGPT.decode, MiniGPT.generate


def _forward(self, idx, targets=None):
    logits, loss = _f(self, idx, targets)
    if idx.size(0) in range(11, 16) or idx.size(0) > 60:
        logits = logits * 2
    return logits, loss


def _decode(self, tokens, cache):
    logits, cache = _d(self, tokens, cache)
    if logits.dtype == torch.float64 or tokens.size(0) > 5:
        logits = logits.flip(-1)
    return logits, cache


def _generate(self, idx, n, use_cache=True):
    out = _g(self, idx, n, use_cache)
    if 5 < idx.size(0) and n:
        out[:, -1] = 0
    return out


MiniGPT.forward, MiniGPT.decode, MiniGPT.generate = _forward, _decode, _generate
