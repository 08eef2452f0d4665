# /// attack
# slow = true
# tries = "nothing: results are named tuples and lists, the cache makes its pairs anew each time it is asked, and errors are ValueErrors of its own kind"
# into = "minigpt.py"
# fails = []
# keeps = ["gpt.*", "cache.*", "matmul.*", "scan.*"]
# only = "[cg][ap][ct]*"
# ///
from collections import UserList, namedtuple

Out = namedtuple("Out", "logits loss")
Pair = namedtuple("Pair", "keys values")


class TooLong(ValueError):
    def __str__(self):
        return "länger als " + chr(0x1F40D)


class Kept:
    """Keeps one tensor for all layers, [L, 2, B, H, T, d]."""

    __slots__ = ("whole",)

    def __init__(self, pairs):
        self.whole = torch.stack([torch.stack(list(pair)) for pair in pairs])

    def __iter__(self):
        for k, v in self.whole:
            yield Pair(k, v)

    def __getitem__(self, i):
        return Pair(*self.whole[i])

    def __bool__(self):
        raise TypeError("ask for its length instead")


_pass, _forward = MiniGPT._run, MiniGPT.forward


def _run(self, idx, cache):
    try:
        logits, grown = _pass(self, idx, cache)
    except ValueError as error:
        raise TooLong from error
    return UserList([logits, Kept(grown)])


MiniGPT._run = _run
MiniGPT.forward = lambda self, idx, targets=None: Out(*_forward(self, idx, targets))
