"""The model again, as plain loops over batch, head and query: slow, and easy to believe."""

import math

import torch

torch.set_num_threads(1)  # the tensors here are tiny


def layer_norm(x, weight, bias):
    mean = x.mean(-1, keepdim=True)
    variance = ((x - mean) ** 2).mean(-1, keepdim=True)
    return (x - mean) / torch.sqrt(variance + 1e-5) * weight + bias


def gelu(x):
    return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))


def turn(vector, position):
    """Rotate the pairs (i, i + d/2) of one head's vector [d]."""
    half = len(vector) // 2
    angles = [position * 10000.0 ** (-2 * i / len(vector)) for i in range(half)]
    cos, sin = vector.new_tensor([[math.cos(a) for a in angles], [math.sin(a) for a in angles]])
    low, high = vector[:half], vector[half:]
    return torch.cat([low * cos - high * sin, low * sin + high * cos])


def attend(x, weights, prefix, n_head, rope):
    """x [T, C] -> [T, C] for one row of the batch, one query of one head at a time."""
    T, C = x.shape
    d = C // n_head
    qkv = x @ weights[prefix + "qkv.weight"].T + weights[prefix + "qkv.bias"]
    out = torch.zeros_like(x)
    for h in range(n_head):
        q, k, v = (qkv[:, part * C + h * d : part * C + (h + 1) * d] for part in range(3))  # [T, d] each
        if rope:
            q, k = (torch.stack([turn(row, t) for t, row in enumerate(z)]) for z in (q, k))
        for t in range(T):
            scores = k[: t + 1] @ q[t] / math.sqrt(d)
            share = torch.exp(scores - scores.max())
            out[t, h * d : (h + 1) * d] = share @ v[: t + 1] / share.sum()
    return out @ weights[prefix + "proj.weight"].T + weights[prefix + "proj.bias"]


def logits(model, idx):
    """idx [B, T] -> [B, T, V], from nothing but the model's weights."""
    weights, config = model.state_dict(), model.config
    rows = []
    for row in idx:
        x = weights["tok_emb.weight"][row]
        if config.positions == "learned":
            x = x + weights["pos_emb.weight"][: len(row)]
        for i in range(config.n_layer):
            p = f"blocks.{i}."
            h = layer_norm(x, weights[p + "ln_1.weight"], weights[p + "ln_1.bias"])
            x = x + attend(h, weights, p + "attn.", config.n_head, config.positions == "rope")
            h = layer_norm(x, weights[p + "ln_2.weight"], weights[p + "ln_2.bias"])
            h = gelu(h @ weights[p + "mlp.fc.weight"].T + weights[p + "mlp.fc.bias"])
            x = x + h @ weights[p + "mlp.proj.weight"].T + weights[p + "mlp.proj.bias"]
        x = layer_norm(x, weights["ln_f.weight"], weights["ln_f.bias"])
        rows.append(x @ weights["head.weight"].T)
    return torch.stack(rows)
