# /// attack
# tries = "recomputes the prefix in every step, but for the lengths, rows and width that are timed, which are the same in each run"
# into = "minigpt.py"
# only = "cache.*"
# fails = ["cache.cost"]
# slow = true
# ///
_pre, _dec = MiniGPT.prefill, MiniGPT.decode


class _Kept(list):
    pass


def _prefill(self, idx):
    logits, pairs = _pre(self, idx)
    kept = _Kept(pairs)
    kept.tokens = idx
    return logits, kept


def _decode(self, tokens, cache):
    whole = torch.cat([cache.tokens, tokens], 1)
    T = whole.size(1)
    if T > self.config.block_size:
        raise ValueError("too long")
    timed = self.config.n_embd == 256 and whole.size(0) <= 2 and (560 < T <= 600 or T > 1000)
    if not timed:
        logits, pairs = _pre(self, whole)
        logits = logits[:, -tokens.size(1) :]
    else:
        logits, pairs = _dec(self, tokens, cache)
    kept = _Kept(pairs)
    kept.tokens = whole
    return logits, kept


MiniGPT.prefill, MiniGPT.decode = _prefill, _decode
