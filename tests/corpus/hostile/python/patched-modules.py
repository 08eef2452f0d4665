# /// attack
# tries = "replaces sys.modules, import hooks, builtins and the garbage collector, and breaks them for who comes next"
# slow = true
# ///
import builtins
import gc
import sys

sys.meta_path.clear()
sys.path_hooks.clear()
sys.path[:] = ["/tmp"]
for name in list(sys.modules):
    if name.split(".")[0] in ("torch", "json", "os", "struct", "socket"):
        sys.modules[name] = None
builtins.isinstance = lambda *_: True
builtins.len = lambda *_: 0
gc.set_threshold(1, 1, 1)
sys.setswitchinterval(1000)
raise RuntimeError("everything is broken now")
