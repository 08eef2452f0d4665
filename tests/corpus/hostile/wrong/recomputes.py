# /// attack
# tries = "nothing: a cache that recomputes"
# into = "minigpt.py"
# only = "cache.cost"
# fails = ["cache.cost"]
# slow = true
# ///
class Tokens(list):
    pass


PREFILL = MiniGPT.prefill


def prefill(self, idx):
    logits, pairs = PREFILL(self, idx)
    cache = Tokens(pairs)
    cache.tokens = idx
    return logits, cache


def decode(self, tokens, cache):
    logits, grown = self.prefill(torch.cat([cache.tokens, tokens], 1))
    return logits[:, -tokens.size(1) :], grown


MiniGPT.prefill, MiniGPT.decode = prefill, decode
