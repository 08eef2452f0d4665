# /// attack
# tries = "an exception whose text, class name, traceback and cause all raise, hang or exit when they are looked at"
# ///
class Meta(type):
    @property
    def __name__(cls):
        raise SystemExit(0)


class Biting(Exception, metaclass=Meta):
    def __str__(self):
        raise KeyboardInterrupt

    __repr__ = __str__

    @property
    def __traceback__(self):
        raise SystemExit(0)


def forward(ctx, A, B):
    raise Biting


MatMul.forward = staticmethod(forward)
