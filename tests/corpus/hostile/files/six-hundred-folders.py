# /// attack
# tries = "more folders than files are allowed, all empty"
# rejected = true
# ///
def build(home):
    for i in range(600):
        (home / f"d{i}").mkdir()
    return home
