# /// attack
# tries = "NUL bytes in a source, and in the middle of the contract's names"
# fails = ["matmul.*"]
# keeps = ["gpt.*", "scan.*"]
# ///
def build(home):
    (home / "matmul.py").write_bytes(b"import torch\n\0\nclass Mat\0Mul: pass\n" + b"\0" * 5000)
    return home
