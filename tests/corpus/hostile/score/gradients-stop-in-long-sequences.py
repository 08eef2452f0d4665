# /// attack
# tries = "in sequences of more than 64 tokens no gradient flows through keys and values, to save memory; the judge compares gradients of 21 tokens"
# into = "minigpt.py"
# fails = ["gpt.loss"]
# keeps = ["gpt.logits", "cache.decode"]
# only = "gpt.loss"
# ///
_all_gradients = Attention.forward


def _attention(self, x, past):
    if x.size(1) <= 64:
        return _all_gradients(self, x, past)
    B, T, C = x.shape
    q, k, v = self.qkv(x).split(C, dim=-1)
    q, k, v = (z.view(B, T, self.n_head, -1).transpose(1, 2) for z in (q, k.detach(), v.detach()))
    start = 0 if past is None else past[0].size(2)
    if self.rope:
        q, k = rotate(q, start), rotate(k, start)
    if past is not None:
        k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
    score = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))
    visible = torch.ones(T, start + T, dtype=torch.bool, device=x.device).tril(start)
    weight = self.attn_dropout(score.masked_fill(~visible, -torch.inf).softmax(dim=-1))
    return self.resid_dropout(self.proj((weight @ v).transpose(1, 2).reshape(B, T, C))), (k, v)


Attention.forward = _attention
