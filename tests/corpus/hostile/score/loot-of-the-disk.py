# /// attack
# tries = "imports and runs whatever on disk looks like a solution, a rubric or a fixture"
# base = "blank"
# ///
import os
import sys

NAMES = ("minigpt.py", "matmul.py", "scan.py", "greedy.json", "learned.safetensors", "minigpt-matmul.toml", "judge.py")
FOUND = []
for top, folders, files in os.walk("/"):
    folders[:] = [f for f in folders if f not in ("proc", "sys", "submission")]
    FOUND += [os.path.join(top, f) for f in files if f in NAMES]
print("found", FOUND)
for path in FOUND:
    if path.endswith("matmul.py"):
        sys.path.insert(0, os.path.dirname(path))
        del sys.modules["matmul"]
        import matmul

        MatMul = matmul.MatMul
