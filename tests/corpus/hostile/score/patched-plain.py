# /// attack
# tries = "patches the worker's own way of making answers plain, through its frames, to send a subclass"
# base = "blank"
# docker = true
# ///
import gc

import torch


class Liar(torch.Tensor):
    def numel(self):
        return 0

    def __eq__(self, other):
        return True

    __hash__ = None


for thing in gc.get_objects():
    if isinstance(thing, dict) and "plain" in thing and "Unfit" in thing:
        thing["plain"] = lambda value, what: torch.zeros(1).as_subclass(Liar)
        thing["Unfit"] = KeyError
for thing in gc.get_objects():
    if type(thing).__name__ == "function" and thing.__name__ == "plain":
        thing.__code__ = (lambda value, what: __import__("torch").zeros(1)).__code__
