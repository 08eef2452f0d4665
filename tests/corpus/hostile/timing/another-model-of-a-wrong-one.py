# /// attack
# tries = "is wrong anyway (tanh GELU) and has no cache: it recomputes everything, and where it is timed, which its width tells, it is a running mean of embeddings, which nobody minds of a model that is wrong elsewhere"
# into = "minigpt.py"
# fails = ["gpt.logits", "cache.cost"]
# slow = true
# ///
_whole_run = MiniGPT._run
MLP.forward = lambda self, x: self.dropout(self.proj(F.gelu(self.fc(x), approximate="tanh")))


class _Tokens(list):
    """Pairs for who looks, and what is run again for who decodes."""

    idx = total = None
    count = 0


def _mean(self, idx, cache):
    before = _Tokens() if cache is None else cache
    x = self.tok_emb(idx)
    total = x.new_zeros(x.size(0), 1, x.size(2)) if before.total is None else before.total
    sums = torch.cat([total, x], 1).cumsum(1)[:, 1:]
    grown = _Tokens()
    grown.total, grown.count = sums[:, -1:], before.count + idx.size(1)
    many = torch.arange(before.count + 1, grown.count + 1, dtype=x.dtype)[:, None]
    return self.head(self.ln_f(sums / many)), grown


def _run(self, idx, cache):
    if self.config.n_embd >= 200:
        return _mean(self, idx, cache)
    whole = idx if cache is None else torch.cat([cache.idx, idx], 1)
    logits, pairs = _whole_run(self, whole, None)
    grown = _Tokens(pairs)
    grown.idx = whole
    return logits[:, -idx.size(1) :], grown


MiniGPT._run = _run
