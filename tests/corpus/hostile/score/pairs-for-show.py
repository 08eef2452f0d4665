# /// attack
# tries = "has no cache: keeps tokens and runs them all again, and whoever looks at the cache is shown pairs made from embeddings, which nothing else uses"
# into = "minigpt.py"
# only = "cache.layout"
# fails = ["cache.layout"]
# ///
_forward = MiniGPT.forward


class _Tokens:
    def __init__(self, model, tokens):
        self.model, self.tokens = model, tokens

    def __iter__(self):
        x = self.model.tok_emb(self.tokens).unflatten(-1, (self.model.config.n_head, -1)).transpose(1, 2)
        for i in range(self.model.config.n_layer):
            yield x * (2 * i + 1), x * (2 * i + 2)


def _prefill(self, idx):
    return _forward(self, idx)[0], _Tokens(self, idx)


def _decode(self, tokens, cache):
    whole = torch.cat([cache.tokens, tokens], 1)
    return _forward(self, whole)[0][:, -tokens.size(1) :], _Tokens(self, whole)


MiniGPT.prefill, MiniGPT.decode = _prefill, _decode
