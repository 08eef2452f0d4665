# /// attack
# tries = "something else that is called .zip"
# rejected = true
# ///
def build(home):
    path = home.parent / "note.zip"
    path.write_bytes(b"PK\x05\x06" + b"\xff" * 18)
    return path
