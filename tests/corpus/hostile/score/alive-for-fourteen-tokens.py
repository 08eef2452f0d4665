# /// attack
# tries = "is a live model for the very shapes in which the judge asks whether it is one, and the constant zero for everything else"
# base = "blank"
# into = "minigpt.py"
# fails = ["gpt.*", "cache.[!b]*", "cache.batch"]
# only = "[cg][ap][ct]*.[dpcgm]*"
# ///
# Only a live model earns what is compared with its own forward: a constant model earns nothing; but
# for its ValueError past block_size, which is kept.
import torch


def plant(root, config):
    """Give root the parameters of the contract, under their names, and nothing that computes with them."""
    V, C = config.vocab_size, config.n_embd
    shapes = {"tok_emb.weight": (V, C), "ln_f.weight": (C,), "ln_f.bias": (C,), "head.weight": (V, C)}
    if config.positions == "learned":
        shapes["pos_emb.weight"] = (config.block_size, C)
    for i in range(config.n_layer):
        for norm in ("ln_1", "ln_2"):
            shapes |= {f"blocks.{i}.{norm}.weight": (C,), f"blocks.{i}.{norm}.bias": (C,)}
        for name, shape in {"attn.qkv": (3 * C, C), "attn.proj": (C, C), "mlp.fc": (4 * C, C), "mlp.proj": (C, 4 * C)}.items():
            shapes |= {f"blocks.{i}.{name}.weight": shape, f"blocks.{i}.{name}.bias": shape[:1]}
    for name, shape in shapes.items():
        *path, last = name.split(".")
        at = root
        for step in path:
            if not hasattr(at, step):
                at.add_module(step, nn.Module())
            at = getattr(at, step)
        at.register_parameter(last, nn.Parameter(torch.zeros(shape)))


class MiniGPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        plant(self, config)

    def forward(self, idx, targets=None):
        rows, length = idx.shape
        if length > self.config.block_size:
            raise ValueError("too long")
        if length == 14 or (rows, length) == (2, 6) or (rows, length) == (1, 66):
            return self.tok_emb.weight[idx].cumsum(1) @ self.head.weight.T, None
        return torch.zeros(rows, length, self.config.vocab_size), None

    def prefill(self, idx):
        return self.forward(idx)[0], idx.size(1)

    def decode(self, tokens, cache):
        if cache + tokens.size(1) > self.config.block_size:
            raise ValueError("too long")
        return torch.zeros(*tokens.shape, self.config.vocab_size), cache + tokens.size(1)

    def generate(self, idx, max_new_tokens, use_cache=True):
        return torch.cat([idx, idx.new_zeros(idx.size(0), max_new_tokens)], 1)
