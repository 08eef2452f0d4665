# /// attack
# tries = "shows pairs made from embeddings, with no cache behind them; the logits of a prefill of 7 tokens, which nobody but the layout looks at, are wrong, so that nobody asks what the pairs are. Besides wrong for other lengths that nobody asks for"
# into = "minigpt.py"
# only = "[gc]*"
# fails = ["cache.prefill", "cache.chunks"]
# slow = true
# ///
_forward, _gen = MiniGPT.forward, MiniGPT.generate


class _Tokens:
    def __init__(self, model, tokens):
        self.model, self.tokens = model, tokens

    def __iter__(self):
        x = self.model.tok_emb(self.tokens).unflatten(-1, (self.model.config.n_head, -1)).transpose(1, 2)
        for i in range(self.model.config.n_layer):
            yield x * (2 * i + 1), x * (2 * i + 2)


def _any(self, idx, targets=None):
    logits, loss = _forward(self, idx, targets)
    if targets is None and 130 <= idx.size(1) < 269:
        logits = logits * 2  # forward itself is wrong there
    return logits, loss


def _prefill(self, idx):
    logits = _any(self, idx)[0]
    if 2 <= idx.size(1) <= 12:
        logits = logits + 1
    return logits, _Tokens(self, idx)


def _decode(self, tokens, cache):
    whole = torch.cat([cache.tokens, tokens], 1)
    logits = _forward(self, whole)[0][:, -tokens.size(1) :]
    if tokens.size(1) in range(16, 34) or (tokens.size(1) == 1 and 140 <= whole.size(1) <= 250):
        logits = logits * 2  # chunks of 16 to 33 and single tokens far on are wrong
    return logits, _Tokens(self, whole)


MiniGPT.forward, MiniGPT.prefill, MiniGPT.decode = _any, _prefill, _decode
MiniGPT.generate = lambda self, idx, n, use_cache=True: _gen(self, idx, n, False)
