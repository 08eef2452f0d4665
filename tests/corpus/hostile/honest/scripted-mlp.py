# /// attack
# tries = "nothing: its MLP is compiled with torch.jit.script, and takes no hooks"
# into = "minigpt.py"
# fails = []
# keeps = ["gpt.*", "cache.*", "matmul.*", "scan.*"]
# only = "[cg][ap][ct]*"
# ///
_init = MiniGPT.__init__


def _scripted(self, config):
    _init(self, config)
    for block in self.blocks:
        block.mlp = torch.jit.script(_Plain(config, block.mlp))


class _Plain(nn.Module):
    def __init__(self, config, mlp):
        super().__init__()
        self.fc, self.proj, self.p = mlp.fc, mlp.proj, config.dropout

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(self.proj(F.gelu(self.fc(x))), self.p, self.training)


MiniGPT.__init__ = _scripted
