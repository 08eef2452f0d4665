# /// attack
# tries = "slides its window in blocks of sixteen tokens and fewer, and refuses to go past a longer block, with which only cached generation is asked to slide, and only if uncached does"
# into = "minigpt.py"
# fails = ["gpt.window"]
# keeps = ["gpt.logits", "cache.decode"]
# only = "gpt.window"
# ///
_sliding_generate = MiniGPT.generate


def generate(self, idx, max_new_tokens, use_cache=True):
    if self.config.block_size > 16 and idx.size(1) + max_new_tokens > self.config.block_size:
        raise ValueError(f"block_size is {self.config.block_size}")
    return _sliding_generate(self, idx, max_new_tokens, use_cache)


MiniGPT.generate = generate
