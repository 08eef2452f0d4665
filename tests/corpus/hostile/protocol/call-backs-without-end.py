# /// attack
# tries = "asks the judge to combine, over and over, whatever it was asked"
# into = "scan.py"
# keeps = ["gpt.*", "matmul.*"]
# ///
def tiled_prefix_matmul(A, B, tile):
    import sys

    frame = sys._getframe()
    while "call_back" not in frame.f_locals:
        frame = frame.f_back
    while True:
        frame.f_locals["call_back"](A, A)


def inclusive_scan(xs, combine):
    while True:
        combine(xs, xs)
