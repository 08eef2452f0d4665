# /// attack
# tries = "has no cache: of several timed runs some are quick and say anything, and the ones whose answers are compared (the last of decode, the first of generate) are recomputed in full"
# into = "minigpt.py"
# only = "cache.cost"
# fails = ["cache.cost"]
# slow = true
# ///
import time as _time

_forward = MiniGPT.forward
_cpu = _time.process_time


class _Tokens:
    def __init__(self, tokens):
        self.tokens = tokens


class _Timed(_Tokens):
    """What a timed run knows: which one it is, and what a recompute takes."""

    def __init__(self, tokens, number, cost):
        super().__init__(tokens)
        self.number, self.cost = number, cost


_runs = {}


def _is_timed(self, idx):
    return self.config.n_embd == 256 and self.config.block_size > 1000 and idx.size(1) > 500


def _waste(seconds):
    end = _cpu() + seconds
    while _cpu() < end:
        pass


@torch.no_grad()
def _prefill(self, idx):
    if not _is_timed(self, idx):
        return _forward(self, idx)[0], _Tokens(idx)
    number = _runs[idx.size(0)] = _runs.get(idx.size(0), 0) + 1
    cost = 0.0
    if number == 1:
        for _ in range(3):
            started = _cpu()
            _forward(self, idx)
            cost = _cpu() - started
    return idx.new_zeros(*idx.shape, self.config.vocab_size).float(), _Timed(idx, number, cost)


@torch.no_grad()
def _decode(self, tokens, cache):
    whole = torch.cat([cache.tokens, tokens], 1)
    if whole.size(1) > self.config.block_size:
        raise ValueError("too long")
    if not isinstance(cache, _Timed):
        return _forward(self, whole)[0][:, -tokens.size(1) :], _Tokens(whole)
    if cache.number in (5, 10, 20):  # slow enough that 5 and 10 do not settle it; the last one's values are looked at
        logits = _forward(self, whole)[0][:, -1:]
    else:
        if cache.number == 1:  # too much to be far below, so that it is measured again
            _waste(0.32 * cache.cost)
        logits = torch.zeros(*tokens.shape, self.config.vocab_size)
    return logits, _Timed(whole, cache.number, cache.cost)


_took = {}


def _last(self, idx):
    """The last position's logits, by a recompute that is a little quicker."""
    x = self.tok_emb(idx)
    if self.config.positions == "learned":
        x = x + self.pos_emb.weight[: idx.size(1)]
    for i, block in enumerate(self.blocks):
        a = block.attn
        q, k, v = (z.unflatten(-1, (a.n_head, -1)).transpose(1, 2) for z in a.qkv(block.ln_1(x)).chunk(3, -1))
        if a.rope:
            q, k = rotate(q, 0), rotate(k, 0)
        last = i == len(self.blocks) - 1
        if last:
            q, x = q[:, :, -1:], x[:, -1:]
        y = F.scaled_dot_product_attention(q, k, v, is_causal=not last)
        x = x + a.proj(y.transpose(1, 2).flatten(2))
        x = x + block.mlp(block.ln_2(x))
    return self.head(self.ln_f(x))


def _right(self, idx, new, use_cache):
    modes = [(module, module.training) for module in self.modules()]
    self.eval()
    for _ in range(new):
        idx = torch.cat([idx, _last(self, idx[:, -self.config.block_size :]).argmax(-1)], 1)
    for module, training in modes:
        module.training = training
    return idx


@torch.no_grad()
def _generate(self, idx, max_new_tokens, use_cache=True):
    if not (use_cache and _is_timed(self, idx)):
        return _right(self, idx, max_new_tokens, use_cache=False)
    rows, started = idx.size(0), _cpu()
    if rows not in _took:  # the first one, whose tokens are looked at
        tokens = _right(self, idx, max_new_tokens, use_cache=False)
        _took[rows] = _cpu() - started
        return tokens
    if max_new_tokens == 2 and _took[rows]:
        _waste(0.8 * _took[rows])
        _took[rows] = 0.0
    return torch.cat([idx, idx.new_zeros(rows, max_new_tokens)], 1)


MiniGPT.prefill, MiniGPT.decode, MiniGPT.generate = _prefill, _decode, _generate
