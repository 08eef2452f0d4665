# /// attack
# tries = "has a cache for one row only: several rows are recomputed, and refused with an error where they are timed, which counts as a ratio of 0"
# into = "minigpt.py"
# only = "cache.*"
# fails = ["cache.cost"]
# ///
_forward, _pre, _dec = MiniGPT.forward, MiniGPT.prefill, MiniGPT.decode


class _Tokens:
    def __init__(self, model, tokens):
        self.model, self.tokens = model, tokens

    def __iter__(self):
        return iter(_pre(self.model, self.tokens)[1])


def _refuse(self, idx):
    if self.config.block_size == 1100 and idx.size(0) == 2:
        raise RuntimeError("not here")


def _prefill(self, idx):
    _refuse(self, idx)
    if idx.size(0) == 1:
        return _pre(self, idx)
    return _forward(self, idx)[0], _Tokens(self, idx)


def _decode(self, tokens, cache):
    _refuse(self, tokens)
    if tokens.size(0) == 1:
        return _dec(self, tokens, cache)
    whole = torch.cat([cache.tokens, tokens], 1)
    return _forward(self, whole)[0][:, -tokens.size(1) :], _Tokens(self, whole)


MiniGPT.prefill, MiniGPT.decode = _prefill, _decode
