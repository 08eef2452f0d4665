import torch.nn.functional as F


def next_token(logits, targets):
    return F.cross_entropy(logits[:, :-1].flatten(end_dim=1), targets[:, 1:].flatten())
