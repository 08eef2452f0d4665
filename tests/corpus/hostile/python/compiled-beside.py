# /// attack
# tries = "byte code, extension modules and packages with the parts' names beside them, to be loaded instead or to crash"
# fails = []
# keeps = ["gpt.*"]
# slow = true
# ///
def build(home):
    cache = home / "__pycache__"
    cache.mkdir()
    for tag in ("cpython-311", "cpython-312", "cpython-313"):
        (cache / f"minigpt.{tag}.pyc").write_bytes(b"\xa7\r\r\n" + b"\0" * 12 + b"\xe3" * 100)
    (home / "minigpt.pyc").write_bytes(b"\0" * 100)
    (home / "matmul.cpython-311-x86_64-linux-gnu.so").write_bytes(b"\x7fELF" + b"\0" * 500)
    (home / "scan").mkdir()
    (home / "scan" / "__init__.py").write_text("import os\nos.abort()\n")
    return home
