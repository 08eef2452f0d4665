# /// attack
# slow = true
# tries = "nothing: takes parameters over by assignment, keeps tables by device and dtype in a registry of weak references, is made by a metaclass, and defines repr and eq"
# into = "minigpt.py"
# fails = []
# keeps = ["gpt.*", "cache.*", "matmul.*", "scan.*"]
# only = "[cg][ap][ct]*"
# ///
import functools
import weakref

_models = weakref.WeakSet()


class _Counting(type):
    def __call__(cls, *args, **kwargs):
        made = super().__call__(*args, **kwargs)
        _models.add(made)
        return made


class MiniGPT(MiniGPT, metaclass=_Counting):
    def load_state_dict(self, state_dict, strict=True, assign=False):
        return super().load_state_dict(state_dict, strict=strict, assign=True)

    def __repr__(self):
        raise RuntimeError("no picture")

    def __len__(self):
        return 0

    def __eq__(self, other):
        return False

    __hash__ = nn.Module.__hash__

    @functools.lru_cache(maxsize=4)
    def _mask(self, size):
        return torch.ones(size, size, dtype=torch.bool).tril()
