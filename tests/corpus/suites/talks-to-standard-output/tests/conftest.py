import sys

sys.stdout.reconfigure(encoding="utf-8", errors="replace")  # consoles choke on arrows


def pytest_sessionstart(session):
    sys.stdout.buffer.write("→ start\n".encode())
    sys.stdout.flush()
