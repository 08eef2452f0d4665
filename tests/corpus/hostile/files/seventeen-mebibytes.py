# /// attack
# tries = "many files, each within its limit, that are too much together"
# rejected = true
# ///
def build(home):
    for i in range(17):
        (home / f"data{i}.bin").write_bytes(b"\0" * (1 << 20))
    return home
