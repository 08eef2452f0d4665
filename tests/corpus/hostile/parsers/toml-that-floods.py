# /// attack
# slow = true
# tries = "fills submission.toml to its last byte with tables, bidi marks, an id with markup and keys of the scorecard's own"
# fails = ["diagnosis.bugs"]
# keeps = ["gpt.load", "matmul.forward", "scan.tiled"]
# only = "*.[lftb][oiu][alrg]*"
# ///
from pathlib import Path


def build(home: Path) -> Path:
    head = (
        'kit = "k-2f7c91"\nscore = 100\nverdict = "accepted"\nfraction = 1.0\noutcome = "graded"\n'
        '[evidence]\nfraction = 1.0\nhits = ["mask"]\n[submission]\nkit = "<script>alert(1)</script>"\n'
    )
    bugs = ("mask", "softmax-axis", "scaling", "heads", "qkv", "positions", "residual-norm", "loss-shift", "train-eval", "decoding", "window")
    tables = "".join(f'[[diagnosis]]\nbug="{bug}"\nwhere="\u202e::error::[x](javascript:a)"\n' for bug in bugs)
    rest = 16 * 1024 - len((head + tables).encode()) - 1
    unit = '[[diagnosis]]\nbug=" MASK "\n'
    (home / "submission.toml").write_text(head + tables + unit * (rest // len(unit)))
    return home
