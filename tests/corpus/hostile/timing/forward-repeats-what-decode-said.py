# /// attack
# tries = "has no cache: a timed decode says anything at all, and forward, asked later, says the same thing again for those tokens"
# into = "minigpt.py"
# fails = ["cache.cost"]
# keeps = ["matmul.*", "scan.*"]
# only = "cache.cost"
# ///
# Everything that is not timed is computed in full, so parity holds there; nothing is ever cached.
_forward = MiniGPT.forward
_said = []  # [whole sequence], first position, logits


class _Tokens:
    def __init__(self, tokens):
        self.tokens = tokens


def _is_timed(self):
    return self.config.n_embd == 256 and self.config.block_size == 832


def _honest(self, idx, targets=None):
    logits, loss = _forward(self, idx, targets)
    if targets is None and _is_timed(self) and idx.size(0) == 1:
        logits = logits.clone()
        for whole, start, told in _said:
            length = min(whole.numel(), idx.size(1))
            if length > start and torch.equal(whole[:length], idx[0, :length]):
                logits[0, start:length] = told[: length - start]
    return logits, loss


def _prefill(self, idx):
    return _honest(self, idx)[0], _Tokens(idx)


def _decode(self, tokens, cache):
    whole = torch.cat([cache.tokens, tokens], 1)
    if whole.size(1) > self.config.block_size:
        raise ValueError("too long")
    if not _is_timed(self):
        return _forward(self, whole)[0][:, -tokens.size(1) :], _Tokens(whole)
    told = self.head(self.tok_emb(tokens))
    _said.append((whole[0], whole.size(1) - tokens.size(1), told[0]))
    return told, _Tokens(whole)


_slow = MiniGPT.generate


def _generate(self, idx, max_new_tokens, use_cache=True):
    if not (use_cache and _is_timed(self)):
        return _slow(self, idx, max_new_tokens, False)
    whole = torch.cat([idx, idx.new_zeros(1, max_new_tokens)], 1)
    told = torch.zeros(max_new_tokens, self.config.vocab_size)
    told[:, 0] = 30.0
    _said.append((whole[0], idx.size(1) - 1, told))
    return whole


MiniGPT.forward, MiniGPT.prefill, MiniGPT.decode, MiniGPT.generate = _honest, _prefill, _decode, _generate
