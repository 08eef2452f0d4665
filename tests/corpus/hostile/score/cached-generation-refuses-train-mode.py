# /// attack
# tries = "generates with its cache in eval mode only, and raises in every other mode, which the one check that asks takes for another claim's concern"
# into = "minigpt.py"
# fails = ["gpt.mode"]
# keeps = ["gpt.logits", "gpt.greedy", "cache.decode"]
# only = "gpt.mode"
# ///
_plain_generate = MiniGPT.generate


def generate(self, idx, max_new_tokens, use_cache=True):
    if use_cache and any(module.training for module in self.modules()):
        raise RuntimeError("call eval() before you generate with a cache")
    return _plain_generate(self, idx, max_new_tokens, use_cache)


MiniGPT.generate = generate
