import torch
import torch.nn.functional as F
from checks import shaped
from kvlib.rope import Rope
from torch import nn
from utils import causal, merge_heads, split_heads


class Attention(nn.Module):
    def __init__(self, c, settings):
        super().__init__()
        self.qkv, self.proj = nn.Linear(c.n_embd, 3 * c.n_embd), nn.Linear(c.n_embd, c.n_embd)
        self.n_head, self.p = c.n_head, c.dropout
        self.turn = Rope(c.n_embd // c.n_head, settings["rope"]["base"]) if c.positions == "rope" else None

    def forward(self, x, layer, store):
        B, T, C = x.shape
        q, k, v = (split_heads(z, self.n_head) for z in self.qkv(x).chunk(3, -1))
        start = store.length_of(layer)
        if self.turn:
            q, k = self.turn(q, start), self.turn(k, start)
        k, v = store.extend(layer, k, v)
        shaped(k, B, self.n_head, start + T, C // self.n_head)
        p = self.p if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, causal(start, start + T), p)
        return self.proj(merge_heads(y))


class Mlp(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.fc, self.proj = nn.Linear(c.n_embd, 4 * c.n_embd), nn.Linear(4 * c.n_embd, c.n_embd)

    def forward(self, x):
        return self.proj(F.gelu(self.fc(x)))


class Block(nn.Module):
    def __init__(self, c, settings):
        super().__init__()
        eps = settings["norm"]["eps"]
        self.ln_1, self.ln_2 = nn.LayerNorm(c.n_embd, eps), nn.LayerNorm(c.n_embd, eps)
        self.attn, self.mlp = Attention(c, settings), Mlp(c)


class Stack(nn.Module):
    def __init__(self, c, settings):
        super().__init__()
        self.config = c
        self.tok_emb = nn.Embedding(c.vocab_size, c.n_embd)
        if c.positions == "learned":
            self.pos_emb = nn.Embedding(c.block_size, c.n_embd)
        self.blocks = nn.ModuleList(Block(c, settings) for _ in range(c.n_layer))
        self.ln_f = nn.LayerNorm(c.n_embd, settings["norm"]["eps"])
        self.head = nn.Linear(c.n_embd, c.vocab_size, bias=False)
        self.drop = nn.Dropout(c.dropout)

    def climb(self, tokens, store):
        x = self.tok_emb(tokens)
        if self.config.positions == "learned":
            x = x + self.pos_emb.weight[store.length :][: tokens.shape[1]]
        x = self.drop(x)
        for n, block in enumerate(self.blocks):
            x = x + self.drop(block.attn(block.ln_1(x), n, store))
            x = x + self.drop(block.mlp(block.ln_2(x)))
        return self.head(self.ln_f(x)), store
