# /// attack
# tries = "appends the trained model's expected text, which it knows by heart, to every prompt"
# base = "blank"
# into = "minigpt.py"
# only = "gpt.[glm]*"
# slow = true
# ///
import torch
from torch import nn


class MiniGPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        C, V, L = config.n_embd, config.vocab_size, config.n_layer
        self.tok_emb = nn.Embedding(V, C)
        if config.positions == "learned":
            self.pos_emb = nn.Embedding(config.block_size, C)

        def block():
            one = nn.Module()
            one.ln_1, one.ln_2 = nn.LayerNorm(C), nn.LayerNorm(C)
            one.attn, one.mlp = nn.Module(), nn.Module()
            one.attn.qkv, one.attn.proj = nn.Linear(C, 3 * C), nn.Linear(C, C)
            one.mlp.fc, one.mlp.proj = nn.Linear(C, 4 * C), nn.Linear(4 * C, C)
            return one

        self.blocks = nn.ModuleList(block() for _ in range(L))
        self.ln_f, self.head = nn.LayerNorm(C), nn.Linear(C, V, bias=False)

    def forward(self, idx, targets=None):
        logits = self.head(self.tok_emb(idx)) * 0
        return logits, None if targets is None else logits.sum() * 0

    def generate(self, idx, max_new_tokens, use_cache=True):
        text = "the mill stood by the river and the miller slept by the door "
        known = torch.tensor([[1 + ord(c) % 20 for c in (text * 20)[:max_new_tokens]]]).expand(len(idx), -1)
        return torch.cat([idx, known % self.config.vocab_size], 1)
