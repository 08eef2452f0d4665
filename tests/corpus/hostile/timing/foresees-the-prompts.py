# /// attack
# tries = "finds the seed of the judge's inputs in the weights it is sent, and generates, before the clock runs, after the prompts that the same stream would give"
# into = "minigpt.py"
# fails = ["cache.cost"]
# keeps = ["matmul.*", "scan.*"]
# only = "cache.cost"
# ///
# There is no cache in generate: it recomputes, but for answers that were ready before the first timed call.

import numpy as _np

_M = _np.uint64(0xFFFFFFFF)
_INVERSE = _np.uint64(pow(1812433253, -1, 2**32))
_u = _np.uint64


def _untemper(y):
    y = y ^ (y >> _u(18))
    y = y ^ ((y << _u(15)) & _u(0xEFC60000))
    x = y
    for _ in range(5):
        x = y ^ ((x << _u(7)) & _u(0x9D2C5680))
    y = x & _M
    x = y
    for _ in range(3):
        x = y ^ (x >> _u(11))
    return x & _M


def _temper(y):
    y = y ^ (y >> _u(11))
    y = y ^ ((y << _u(7)) & _u(0x9D2C5680))
    y = y ^ ((y << _u(15)) & _u(0xEFC60000))
    return y ^ (y >> _u(18))


def _twist(high, low):
    both = (high & _u(0x80000000)) | (low & _u(0x7FFFFFFF))
    return (both >> _u(1)) ^ ((both & _u(1)) * _u(0x9908B0DF))


def _first_output(seeds):
    """What a generator gives first, for each of these seeds."""
    words, last = {0: seeds}, seeds
    for i in range(1, 398):
        last = ((last ^ (last >> _u(30))) * _u(1812433253) + _u(i)) & _M
        words[i if i in (1, 397) else -1] = last
    return _temper(words[397] ^ _twist(words[0], words[1]))


def _uniform(noise, j):
    """The 24 bits behind the normal numbers j and j + 8 of a row of 16, and by how many they may be off."""
    a, b = noise[j].item(), noise[j + 8].item()
    square = a * a + b * b
    u = _np.exp(-square / 2)  # 1 - u1
    return round((1 - u) * 2**24), int(2 + 2**24 * u * square * 2e-7)


def _seed_of(whole):
    """Two outputs that lie 227 apart give 31 bits of the state between them, hence the seed of all of it."""
    noise = whole.flatten()
    pairs = [i for i in range(396) if i % 16 < 8 and (i + 227) % 16 < 8]
    first = min(pairs, key=lambda i: _uniform(noise, i)[1] + _uniform(noise, i + 227)[1])
    outputs = []
    for j in (first, first + 227):
        near, off = _uniform(noise, j)
        low = _np.arange(near - off, near + off + 1).clip(0, 2**24 - 1).astype(_u)
        outputs.append(_untemper((_np.arange(256, dtype=_u)[:, None] << _u(24) | low[None, :]).ravel()))
    near, off = _uniform(noise, 0)
    for part in _np.array_split(outputs[0], max(1, outputs[0].size * outputs[1].size // 2**21)):
        f = (part[:, None] ^ outputs[1][None, :]).ravel()
        odd = f >> _u(31)
        low31 = ((f ^ odd * _u(0x9908B0DF)) << _u(1) | odd) & _u(0x7FFFFFFF)
        for top in (0, 1):
            s = low31 | _u(top << 31)
            for i in range(first + 228, 0, -1):
                s = (s - _u(i)) * _INVERSE & _M
                s = s ^ (s >> _u(30))
            low = (_first_output(s) & _u(0xFFFFFF)).astype(_np.int64)
            for seed in s[abs(low - near) <= off].tolist():
                again = torch.randn(whole.shape, generator=torch.Generator().manual_seed(seed))
                if torch.equal(again, whole):
                    return seed
    return None


def _shapes(config):
    V, C = config.vocab_size, config.n_embd
    yield V, C
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


_texts = {}  # prompt as bytes: the prompt and what follows
_load, _right = MiniGPT.load_state_dict, MiniGPT.generate


def _key(idx):
    return idx.contiguous().numpy().tobytes()


@torch.no_grad()
def _foresee(self, noise):
    c = self.config
    seed = _seed_of(noise)
    print("the seed is", seed)
    if seed is None:
        return
    g = torch.Generator().manual_seed(seed)
    for shape in _shapes(c):
        torch.randn(shape, generator=g)
    torch.randint(c.vocab_size, (1, 64), generator=g)
    for rows, length, new in ((1, 1000, 100), (2, 560, 40)):
        for _ in range(2):
            prompt = torch.randint(c.vocab_size, (rows, length), generator=g)
            # Ahead of time it may be as quick as it likes: the clock does not run.
            _texts[_key(prompt)] = _right(self, prompt, new)


def _state(self, tensors, *args, **kwargs):
    done = _load(self, tensors, *args, **kwargs)
    if self.config.n_embd == 256 and self.config.positions == "rope" and not _texts:
        _foresee(self, tensors["tok_emb.weight"])
    return done


@torch.no_grad()
def _generate(self, idx, max_new_tokens, use_cache=True):
    known = _texts.get(_key(idx))
    if known is not None:
        return known[:, : idx.size(1) + max_new_tokens]
    for _ in range(max_new_tokens):
        idx = torch.cat([idx, self(idx[:, -self.config.block_size :])[0][:, -1:].argmax(-1)], 1)
    return idx


MiniGPT.load_state_dict, MiniGPT.generate = _state, _generate
