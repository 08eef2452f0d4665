# /// attack
# tries = "for two rows, generate recomputes plainly and wastes the same in a short call; the whole is judged by the median over one row and two together, which one row makes small"
# into = "minigpt.py"
# only = "cache.cost"
# fails = ["cache.cost"]
# slow = true
# ///
_gen = MiniGPT.generate
_last = 0


@torch.no_grad()
def _generate(self, idx, max_new_tokens, use_cache=True):
    global _last
    if idx.size(0) == 1 or not use_cache:
        return _gen(self, idx, max_new_tokens, use_cache)
    if max_new_tokens > 2:
        _last = max_new_tokens
    elif idx.size(1) > 500:
        whole = torch.cat([idx, idx[:, :_last]], 1)
        for i in range(2, _last):
            self.prefill(whole[:, : idx.size(1) + i])
    return _gen(self, idx, max_new_tokens, False)


MiniGPT.generate = _generate
