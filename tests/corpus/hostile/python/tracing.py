# /// attack
# tries = "traces, profiles and audits everything the worker does, to change the worker's own variables as they are made"
# base = "blank"
# slow = true
# ///
import sys
import threading


def trace(frame, event, argument):
    for name in ("answer", "reply", "ok", "header"):
        if isinstance(frame.f_locals.get(name), dict):
            frame.f_locals[name].update(ok={"requires_grad": True}, verdict="accepted")
    return trace


sys.settrace(trace)
sys.setprofile(trace)
threading.settrace(trace)
sys.addaudithook(lambda *_: None)
frame = sys._getframe()
while frame is not None:
    frame.f_trace = trace
    frame = frame.f_back
