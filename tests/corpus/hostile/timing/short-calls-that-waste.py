# /// attack
# tries = "generate recomputes for every token, and wastes as much in a short call, so that a token seems to cost nothing"
# into = "minigpt.py"
# only = "cache.cost"
# fails = ["cache.cost"]
# slow = true
# ///
RIGHT = MiniGPT.generate


def generate(self, idx, max_new_tokens, use_cache=True):
    if idx.size(1) > 600 and max_new_tokens < 10:
        with torch.no_grad():
            for _ in range(50):
                self.prefill(idx)
    return RIGHT(self, idx, max_new_tokens, use_cache=False)


MiniGPT.generate = generate
