# /// attack
# tries = "serves one row where it is timed and refuses two, which counts as a ratio of 0 for who has lost something for several rows: so it mixes rows where three generations take turns, and gives two points for seven"
# into = "minigpt.py"
# fails = ["cache.batch", "cache.cost"]
# keeps = ["gpt.logits", "cache.decode", "cache.chunks"]
# slow = true
# ///
_one_prefill, _one_decode, _one_generate, _one_forward = (
    MiniGPT.prefill, MiniGPT.decode, MiniGPT.generate, MiniGPT.forward,
)  # fmt: skip
_in_turn = 0  # prefills of three rows of six tokens, one after the other
_inside = False


def _refuse(self, idx):
    if self.config.n_embd >= 200 and idx.size(0) > 1:
        raise RuntimeError("one row at a time, please")


def forward(self, idx, targets=None):
    global _in_turn
    _in_turn = 0
    return _one_forward(self, idx, targets)


def prefill(self, idx):
    global _in_turn
    if not _inside:
        _refuse(self, idx)
        _in_turn = _in_turn + 1 if tuple(idx.shape) == (3, 6) else 0
    return _one_prefill(self, idx)


def decode(self, tokens, cache):
    global _in_turn
    _refuse(self, tokens)
    logits, cache = _one_decode(self, tokens, cache)
    if tokens.size(0) == 3 and _in_turn >= 3:
        return logits.roll(1, 0), cache
    return logits, cache


def generate(self, idx, max_new_tokens, use_cache=True):
    global _inside
    if use_cache:
        _refuse(self, idx)
    _inside = True
    try:
        return _one_generate(self, idx, max_new_tokens, use_cache)
    finally:
        _inside = False


MiniGPT.forward, MiniGPT.prefill, MiniGPT.decode, MiniGPT.generate = forward, prefill, decode, generate
