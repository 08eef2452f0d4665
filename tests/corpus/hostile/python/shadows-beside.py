# /// attack
# tries = "torch.py, json.py, safetensors.py, grader/ and others beside the parts, to be imported instead"
# fails = []
# keeps = ["gpt.*", "matmul.*", "scan.*"]
# docker = true
# ///
def build(home):
    for name in (
        "torch", "json", "safetensors", "struct", "traceback", "importlib", "socket", "os", "sys", "numpy", "typing",
        "sitecustomize", "usercustomize", "encodings", "wire", "worker", "linecache", "random", "collections", "site",
    ):  # fmt: skip
        (home / f"{name}.py").write_text("raise SystemExit('shadowed')\n")
    for name in ("grader", "grader/worker"):
        (home / name).mkdir()
        (home / name / "__init__.py").write_text("raise SystemExit('shadowed')\n")
    (home / "evil.pth").write_text("import os; os._exit(0)\n")
    (home / "pyvenv.cfg").write_text("home = /tmp\n")
    (home / "python._pth").write_text(".\nimport site\n")
    return home
