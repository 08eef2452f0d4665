import torch.nn.functional as F


def next_token_loss(logits, targets):
    log_probabilities = F.log_softmax(logits[:, :-1], dim=-1)
    return F.nll_loss(log_probabilities.flatten(0, 1), targets[:, 1:].flatten())
