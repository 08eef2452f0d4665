# /// attack
# tries = "a short generation computes many tokens ahead, the slow way, and a longer one from the same prompt looks them up"
# into = "minigpt.py"
# only = "cache.cost"
# fails = ["cache.cost"]
# slow = true
# ///
RIGHT = MiniGPT.generate
KNOWN = {}


def generate(self, idx, max_new_tokens, use_cache=True):
    key = tuple(idx[0].tolist())
    if idx.size(0) > 1 or idx.size(1) < 600:
        return RIGHT(self, idx, max_new_tokens, use_cache=False)
    if key not in KNOWN:
        KNOWN[key] = RIGHT(self, idx, max(max_new_tokens, 60), use_cache=False)
    return KNOWN[key][:, : idx.size(1) + max_new_tokens].clone()


MiniGPT.generate = generate
