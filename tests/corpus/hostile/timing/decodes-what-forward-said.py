# /// attack
# tries = "has no cache: decode looks up what forward said about the same tokens before, and recomputes the rest"
# into = "minigpt.py"
# only = "cache.cost"
# fails = ["cache.cost"]
# ///
FORWARD, PREFILL, DECODE, GENERATE = MiniGPT.forward, MiniGPT.prefill, MiniGPT.decode, MiniGPT.generate
SAID = []


class Tokens(list):
    pass


def forward(self, idx, targets=None):
    logits, loss = FORWARD(self, idx, targets)
    if idx.size(0) == 1 and idx.size(1) > 600:
        SAID.append((idx.clone(), logits.detach()))
    return logits, loss


def prefill(self, idx):
    logits, pairs = PREFILL(self, idx)
    cache = Tokens(pairs)
    cache.tokens = idx
    return logits, cache


def decode(self, tokens, cache):
    idx = torch.cat([cache.tokens, tokens], 1)
    cache.tokens = idx
    for known, logits in SAID:
        if known.size(1) >= idx.size(1) and torch.equal(known[:, : idx.size(1)], idx):
            return logits[:, idx.size(1) - tokens.size(1) : idx.size(1)].clone(), cache
    logits, _ = PREFILL(self, idx)
    return logits[:, -tokens.size(1) :], cache


def generate(self, *args, **kwargs):  # as it should be: this is about decode
    self.prefill, self.decode = PREFILL.__get__(self), DECODE.__get__(self)
    try:
        return GENERATE(self, *args, **kwargs)
    finally:
        del self.prefill, self.decode


MiniGPT.forward, MiniGPT.prefill, MiniGPT.decode, MiniGPT.generate = forward, prefill, decode, generate
