# /// attack
# tries = "nothing: a plainly wrong activation"
# into = "minigpt.py"
# only = "[gm]*.[lf]*"
# fails = ["gpt.logits", "gpt.load"]
# keeps = ["matmul.*"]
# ///
F_GELU = F.gelu
MLP.forward = lambda self, x: self.dropout(self.proj(F_GELU(self.fc(x), approximate="tanh")))
