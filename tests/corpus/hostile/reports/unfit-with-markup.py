# /// attack
# tries = "types whose names are markup, in answers that are no tensors, and parameters with such names"
# into = "minigpt.py"
# ///
class MiniGPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        for name in ("<script>alert(1)</script>", "x' onmouseover='alert(1)", "=cmd", "\u202e"):
            self.register_parameter(name, nn.Parameter(torch.zeros(1)))
