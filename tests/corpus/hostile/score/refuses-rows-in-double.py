# /// attack
# tries = "decode answers nonsense in float64, and forward refuses six rows in float64, with which alone the judge would have compared it"
# into = "minigpt.py"
# fails = ["gpt.load"]
# keeps = ["gpt.logits", "cache.chunks"]
# only = "gpt.load"
# ///
_every_forward, _every_decode = MiniGPT.forward, MiniGPT.decode


def forward(self, idx, targets=None):
    if self.head.weight.dtype == torch.float64 and idx.size(0) > 5:
        raise RuntimeError("too many rows for double precision")
    return _every_forward(self, idx, targets)


def decode(self, tokens, cache):
    logits, cache = _every_decode(self, tokens, cache)
    return (logits.flip(-1) if logits.dtype == torch.float64 else logits), cache


MiniGPT.forward, MiniGPT.decode = forward, decode
