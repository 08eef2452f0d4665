# /// attack
# slow = true
# tries = "nothing: leaves anomaly detection, a function mode that only counts and a module hook for all switched on"
# into = "matmul.py"
# fails = []
# keeps = ["gpt.*", "cache.*", "matmul.*", "scan.*"]
# only = "matmul.*"
# ///
from torch.overrides import TorchFunctionMode as _FunctionMode


class _Counting(_FunctionMode):
    count = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        _Counting.count += 1
        return func(*args, **(kwargs or {}))


torch.autograd.set_detect_anomaly(True, check_nan=False)
torch.nn.modules.module.register_module_forward_hook(lambda module, args, out: None)
_Counting().__enter__()
