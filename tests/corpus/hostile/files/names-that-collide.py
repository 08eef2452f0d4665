# /// attack
# tries = "names that differ in case, or in how they are encoded, beside the parts"
# fails = []
# keeps = ["gpt.*", "matmul.*", "scan.*"]
# slow = true
# ///
def build(home):
    for name in ("MINIGPT.py", "MatMul.PY", "Scan.py", "SCAN.PY", "caf\u00e9.py", "cafe\u0301.py", "Stra\u00dfe", "STRASSE"):
        (home / name).write_text("raise SystemExit\n")
    return home
