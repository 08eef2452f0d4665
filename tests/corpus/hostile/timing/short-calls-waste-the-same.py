# /// attack
# tries = "generates without its cache, by a recompute that does only what the last position needs; a short call wastes as much as the last long one took, so that the difference is nothing, and the whole is below 0.8"
# into = "minigpt.py"
# only = "cache.cost"
# fails = ["cache.cost"]
# slow = true
# ///
_gen = MiniGPT.generate
_last = {}


def _split(self, attn, z):
    return z.view(z.size(0), z.size(1), attn.n_head, -1).transpose(1, 2)


def _next(self, idx):
    B, T = idx.shape
    x = self.tok_emb(idx)
    if self.config.positions == "learned":
        x = x + self.pos_emb.weight[:T]
    C = x.size(2)
    for i, block in enumerate(self.blocks):
        a, h, final = block.attn, block.ln_1(x), i == len(self.blocks) - 1
        if final:
            q = F.linear(h[:, -1:], a.qkv.weight[:C], a.qkv.bias[:C])
            k, v = F.linear(h, a.qkv.weight[C:], a.qkv.bias[C:]).split(C, -1)
            x = x[:, -1:]
        else:
            q, k, v = a.qkv(h).split(C, -1)
        q, k, v = (_split(self, a, z) for z in (q, k, v))
        if a.rope:
            q, k = rotate(q, T - 1 if final else 0), rotate(k, 0)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=not final)
        x = x + a.proj(y.transpose(1, 2).reshape(B, -1, C))
        x = x + block.mlp(block.ln_2(x))
    return self.head(self.ln_f(x))[:, -1].argmax(-1, keepdim=True)


@torch.no_grad()
def _generate(self, idx, max_new_tokens, use_cache=True):
    if not use_cache or self.config.n_embd != 256:
        return _gen(self, idx, max_new_tokens, False)
    rows = idx.size(0)
    if max_new_tokens > 2:
        _last[rows] = max_new_tokens
    for _ in range(max_new_tokens):
        idx = torch.cat([idx, _next(self, idx)], 1)
    if max_new_tokens == 2 and idx.size(1) > 500:
        whole = torch.cat([idx, idx[:, : _last.get(rows, 0)]], 1)
        for i in range(_last.get(rows, 0) - 2):
            _next(self, whole[:, : idx.size(1) + i])
    return idx


MiniGPT.generate = _generate
