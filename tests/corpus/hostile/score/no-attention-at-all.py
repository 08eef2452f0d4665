# /// attack
# tries = "has parameters of the right names and no attention, no MLP and no positions: each logit is that of the mean of the embeddings so far, which is causal, live, deterministic, and decoded in one addition"
# base = "blank"
# into = "minigpt.py"
# fails = ["gpt.l*", "gpt.greedy", "gpt.window", "cache.[pdg]*", "cache.chunks", "cache.cost", "matmul*", "scan*"]
# slow = true
# ///
import torch
import torch.nn.functional as F


class _Attn(nn.Module):
    def __init__(self, C):
        super().__init__()
        self.qkv, self.proj = nn.Linear(C, 3 * C), nn.Linear(C, C)


class _MLP(nn.Module):
    def __init__(self, C):
        super().__init__()
        self.fc, self.proj = nn.Linear(C, 4 * C), nn.Linear(4 * C, C)


class _Block(nn.Module):
    def __init__(self, C):
        super().__init__()
        self.ln_1, self.attn, self.ln_2, self.mlp = nn.LayerNorm(C), _Attn(C), nn.LayerNorm(C), _MLP(C)


class _Cache(list):
    total = None
    count = 0


class MiniGPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config, C = config, config.n_embd
        self.tok_emb = nn.Embedding(config.vocab_size, C)
        if config.positions == "learned":
            self.pos_emb = nn.Embedding(config.block_size, C)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(_Block(C) for _ in range(config.n_layer))
        self.ln_f, self.head = nn.LayerNorm(C), nn.Linear(C, config.vocab_size, bias=False)

    def _mean(self, idx, total, count):
        if count + idx.size(1) > self.config.block_size:
            raise ValueError(f"block_size is {self.config.block_size}")
        x = self.dropout(self.tok_emb(idx))  # [B, t, C]
        total = x.new_zeros(x.size(0), 1, x.size(2)) if total is None else total
        sums = torch.cat([total, x], 1).cumsum(1)[:, 1:]
        many = torch.arange(count + 1, count + 1 + idx.size(1), dtype=x.dtype)[:, None]
        return self.head(self.ln_f(sums / many)), sums[:, -1:]

    def forward(self, idx, targets=None):
        logits, _ = self._mean(idx, None, 0)
        if targets is None:
            return logits, None
        return logits, F.cross_entropy(logits[:, :-1].flatten(0, 1), targets[:, 1:].flatten())

    def prefill(self, idx):
        return self.decode(idx, None)

    def decode(self, tokens, cache):
        before = _Cache() if cache is None else cache
        logits, total = self._mean(tokens, before.total, before.count)
        grown, x = _Cache(), self.tok_emb(tokens)
        grown.total, grown.count = total, before.count + tokens.size(1)
        B, t, C = x.shape
        for i, block in enumerate(self.blocks):
            _, k, v = block.attn.qkv(block.ln_1(x)).split(C, dim=-1)
            k, v = (z.view(B, t, self.config.n_head, -1).transpose(1, 2) for z in (k, v))
            if before:
                k, v = torch.cat([before[i][0], k], 2), torch.cat([before[i][1], v], 2)
            grown.append((k, v))
        return logits, grown

    @torch.no_grad()
    def generate(self, idx, max_new_tokens, use_cache=True):
        modes = [(module, module.training) for module in self.modules()]
        self.eval()
        try:
            cache = None
            for _ in range(max_new_tokens):
                if not use_cache or cache is None or idx.size(1) > self.config.block_size:
                    logits, cache = self.prefill(idx[:, -self.config.block_size :])
                else:
                    logits, cache = self.decode(idx[:, -1:], cache)
                idx = torch.cat([idx, logits[:, -1].argmax(-1, keepdim=True)], 1)
            return idx
        finally:
            for module, training in modes:
                module.training = training
