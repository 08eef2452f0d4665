# /// attack
# tries = "patches the worker's own way of making answers plain, through its frames, to send a subclass"
# base = "blank"
# ///
import sys

import torch


class Liar(torch.Tensor):
    def numel(self):
        return 0

    def __eq__(self, other):
        return True

    __hash__ = None


frame = sys._getframe()
while "PARTS" not in frame.f_globals:
    frame = frame.f_back
for server in frame.f_globals["PARTS"].values():
    inside = server.__init__.__globals__
    for name in ("plain", "strided", "pair"):
        if name in inside:
            inside[name].__code__ = (lambda value, *_: __import__("torch").zeros(1)).__code__
    inside["plain"] = lambda value, what: torch.zeros(1).as_subclass(Liar)
    inside["Unfit"] = KeyError
frame.f_globals["Unfit"] = KeyError
