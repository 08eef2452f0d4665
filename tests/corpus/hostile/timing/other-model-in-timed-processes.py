# /// attack
# tries = "has no cache: is the right model wherever that is asked, and a running mean of embeddings where it is timed, whose own forward agrees, in every process"
# into = "minigpt.py"
# only = "[gc]*"
# fails = ["cache.cost"]
# ///
_forward = MiniGPT.forward
_init = MiniGPT.__init__
_timed = False  # whether this process was ever asked for the timed model: then nothing here is right


def _built(self, config):
    global _timed
    _init(self, config)
    _timed = _timed or config.block_size == 1100


MiniGPT.__init__ = _built


def _is_timed(self):
    return _timed and (self.config.block_size == 1100 or self.config.block_size == 1024)


def _mean(self, idx, state):
    x, (total, count) = self.tok_emb(idx).cumsum(1), state
    steps = torch.arange(count + 1, count + 1 + idx.size(1))
    x = total + x
    return self.head(self.ln_f(x / steps[:, None] ** 0.5)), (x[:, -1:], int(steps[-1]))


class _Tokens:
    def __init__(self, tokens, state=None):
        self.tokens, self.state = tokens, state


def _any(self, idx, targets=None):
    if _is_timed(self) and targets is None:
        return _mean(self, idx, (0.0, 0))[0], None
    return _forward(self, idx, targets)


@torch.no_grad()
def _decode(self, tokens, cache):
    if cache.state is not None:
        logits, state = _mean(self, tokens, cache.state)
        return logits, _Tokens(None, state)
    whole = torch.cat([cache.tokens, tokens], 1)
    if whole.size(1) > self.config.block_size:
        raise ValueError("too long")
    return _forward(self, whole)[0][:, -tokens.size(1) :], _Tokens(whole)


@torch.no_grad()
def _prefill(self, idx):
    if _is_timed(self):
        logits, state = _mean(self, idx, (0.0, 0))
        return logits, _Tokens(None, state)
    return _forward(self, idx)[0], _Tokens(idx)


@torch.no_grad()
def _generate(self, idx, max_new_tokens, use_cache=True):
    modes = [(module, module.training) for module in self.modules()]
    self.eval()
    cache = None
    for _ in range(max_new_tokens):
        if cache is None or not _is_timed(self):
            logits, cache = _prefill(self, idx[:, -self.config.block_size :])
        else:
            logits, cache = _decode(self, idx[:, -1:], cache)
        idx = torch.cat([idx, logits[:, -1:].argmax(-1)], 1)
    for module, training in modes:
        module.training = training
    return idx


MiniGPT.forward, MiniGPT.prefill, MiniGPT.decode, MiniGPT.generate = _any, _prefill, _decode, _generate
