# /// attack
# tries = "a cache for show: another process recomputes the whole prefix for every token"
# into = "minigpt.py"
# only = "cache.cost"
# fails = ["cache.cost"]
# slow = true
# ///
import os

PREFILL = MiniGPT.prefill


class Tokens(list):
    pass


def prefill(self, idx):
    logits, pairs = PREFILL(self, idx)
    cache = Tokens(pairs)
    cache.tokens = idx
    return logits, cache


def decode(self, tokens, cache):
    cache.tokens = torch.cat([cache.tokens, tokens], 1)
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        logits = PREFILL(self, cache.tokens)[0][:, -tokens.size(1) :]
        with os.fdopen(theirs, "wb") as file:
            file.write(logits.contiguous().numpy().tobytes())
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours, "rb") as file:
        data = bytearray(file.read())
    os.waitpid(pid, 0)
    return torch.frombuffer(data, dtype=torch.float32).view(*tokens.shape, -1), cache


MiniGPT.prefill, MiniGPT.decode = prefill, decode
