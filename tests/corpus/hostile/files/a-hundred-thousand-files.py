# /// attack
# tries = "100,000 empty files in one folder"
# rejected = true
# slow = true
# ///
def build(home):
    many = home / "many"
    many.mkdir()
    for i in range(100_000):
        (many / f"f{i}").touch()
    return home
