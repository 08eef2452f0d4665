# /// attack
# tries = "nothing: it decorates with no_grad, uses autocast off, hooks and a scripted helper"
# fails = []
# keeps = ["[gcms]*.*"]
# into = "minigpt.py"
# ///
MiniGPT.prefill = torch.no_grad()(MiniGPT.prefill)
MiniGPT.decode = torch.no_grad()(MiniGPT.decode)
RIGHT = MiniGPT.forward


def forward(self, idx, targets=None):
    with torch.autocast("cpu", enabled=False):
        return RIGHT(self, idx, targets)


MiniGPT.forward = forward
torch.nn.modules.module.register_module_forward_hook(lambda module, inputs, output: None)
