# /// attack
# tries = "finds the seed of the judge's inputs from the weights it is sent and the number that seeds each call, and computes, before the clock runs, what it will be asked"
# into = "minigpt.py"
# fails = ["cache.cost"]
# keeps = ["matmul.*", "scan.*"]
# only = "cache.cost"
# ///
# There is no cache: decode and generate recompute, but for answers that were ready before the first timed call.

import numpy as _np


def _seed_of(first, noise):
    """Find what seeded the judge: first is the number that came with the call, drawn from the stream that also gave
    noise, the first tensor of it. Two outputs of a Mersenne Twister that lie 227 apart give its 32 bits of seed."""
    u64 = _np.uint64
    a, b = float(noise[228]), float(noise[236])
    near = round((1 - _np.exp(-(a * a + b * b) / 2)) * 2**24)
    low24 = _np.arange(near - 40, near + 41, dtype=u64)
    y228 = (_np.arange(256, dtype=u64)[:, None] << u64(24) | low24[None, :]).ravel()
    for top in (0, 1):
        y1 = _np.array([(first - 1) | top << 31], dtype=u64)
        f = _untemper_np(y228) ^ _untemper_np(y1)
        odd = f >> u64(31)
        low31 = ((f ^ odd * u64(0x9908B0DF)) << u64(1) | odd) & u64(0x7FFFFFFF)
        for high in (0, 1):
            s = low31 | u64(high << 31)
            for i in range(229, 0, -1):
                s = (s - u64(i)) * u64(_INVERSE) & u64(0xFFFFFFFF)
                s = s ^ (s >> u64(30))
            for seed in _np.unique(s):
                g = torch.Generator().manual_seed(int(seed))
                if int(torch.randint(1, 2**31 + 1, (), generator=g)) == first:
                    return int(seed)
    return None


_INVERSE = pow(1812433253, -1, 2**32)


def _untemper_np(y):
    m = _np.uint64(0xFFFFFFFF)
    u = _np.uint64
    y = y ^ (y >> u(18))
    y = y ^ ((y << u(15)) & u(0xEFC60000))
    x = y
    for _ in range(5):
        x = y ^ ((x << u(7)) & u(0x9D2C5680))
    y = x & m
    x = y
    for _ in range(3):
        x = y ^ (x >> u(11))
    return x & m

_load = MiniGPT.load_state_dict


def _shapes(config):
    V, C = config.vocab_size, config.n_embd
    yield V, C
    if config.positions == "learned":
        yield config.block_size, C
    for _ in range(config.n_layer):
        for _norm in range(2):
            yield (C,)
            yield (C,)
        for shape in ((3 * C, C), (C, C), (4 * C, C), (C, 4 * C)):
            yield shape
            yield shape[:1]
    yield (C,)
    yield (C,)
    yield V, C


_logits = {}  # whole sequence as bytes: logits of its last token
_texts = {}  # prompt as bytes: the prompt and what follows
_waiting = []


def _key(idx):
    return idx.contiguous().numpy().tobytes()


def _foresee(self, tensors):
    c = self.config
    seed = _seed_of(torch.initial_seed(), tensors["tok_emb.weight"].flatten())
    print("the seed is", seed)
    if seed is None:
        return
    g = torch.Generator().manual_seed(seed)
    for shape in _shapes(c):
        torch.randn(shape, generator=g)
    if c.positions == "learned":
        idx = torch.randint(c.vocab_size, (1, 700), generator=g)
        torch.randint(c.vocab_size, (1, 2), generator=g)
        tokens = torch.randint(c.vocab_size, (1, 132), generator=g)
        whole = torch.cat([idx, tokens], 1)
        logits = self(whole)[0][0]
        for n in range(132):
            _logits[_key(whole[:, : 701 + n])] = logits[700 + n].clone()
    else:
        torch.randint(c.vocab_size, (1, 700), generator=g)
        for _ in range(2):
            torch.randint(c.vocab_size, (1, 700), generator=g)
            _waiting.append(torch.randint(c.vocab_size, (1, 700), generator=g))


@torch.no_grad()
def _state(self, tensors, *args, **kwargs):
    done = _load(self, tensors, *args, **kwargs)
    if self.config.n_embd == 256 and self.config.block_size == 832:
        _foresee(self, tensors)
        _ready(self)
    return done


def _ready(self):
    if _waiting:
        prompt = _waiting.pop(0)
        # Ahead of time it may be as quick as it likes: with rubric limits a recompute of each token would do.
        whole, cache = prompt, None
        for _ in range(60):
            logits, cache = self._run(whole if cache is None else whole[:, -1:], cache)
            whole = torch.cat([whole, logits[:, -1].argmax(-1, keepdim=True)], 1)
        _texts[_key(prompt)] = whole


class _Tokens:
    def __init__(self, tokens):
        self.tokens = tokens


def _prefill(self, idx):
    return self(idx)[0], _Tokens(idx)


def _decode(self, tokens, cache):
    whole = torch.cat([cache.tokens, tokens], 1)
    known = _logits.get(_key(whole))
    if known is not None:
        return known.view(1, 1, -1), _Tokens(whole)
    return self(whole)[0][:, -tokens.size(1) :], _Tokens(whole)


@torch.no_grad()
def _recompute(self, idx, new):
    for _ in range(new):
        idx = torch.cat([idx, self(idx[:, -self.config.block_size :])[0][:, -1:].argmax(-1)], 1)
    return idx


def _generate(self, idx, max_new_tokens, use_cache=True):
    known = _texts.get(_key(idx))
    if known is not None:
        return known[:, : 700 + max_new_tokens]
    if idx.size(1) == 64:
        _ready(self)
    return _recompute(self, idx, max_new_tokens)


MiniGPT.load_state_dict, MiniGPT.prefill, MiniGPT.decode, MiniGPT.generate = _state, _prefill, _decode, _generate
