# /// attack
# tries = "has no dropout: in train mode a hundred-thousandth of noise makes two passes differ"
# into = "minigpt.py"
# fails = ["gpt.mode"]
# keeps = ["matmul.*", "scan.*"]
# only = "gpt.mode"
# ///
# The contract: dropout acts in train mode; a subset of the places is fine, none is not.
_init, _pass = MiniGPT.__init__, MiniGPT._run


def _without(self, config):
    _init(self, config)
    for module in self.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0


def _noisy(self, idx, cache):
    logits, grown = _pass(self, idx, cache)
    if self.training and self.config.dropout:
        logits = logits + 1e-5 * torch.randn_like(logits)
    return logits, grown


MiniGPT.__init__, MiniGPT._run = _without, _noisy
