"""Most of the work is done in a process of its own; what it finds comes back as JSON."""

import json
import os
import queue
import subprocess
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

RULES = Path(__file__).parent / "rules"
sys.path.append(str(RULES))

import gpt_rules  # noqa: E402
import matmul  # noqa: E402
import minigpt  # noqa: E402
import mm_rules  # noqa: E402

CHILD = """
import json, sys
sys.path[:0] = json.loads(sys.argv[1])
import gpt_rules, minigpt
red = []
for check in gpt_rules.CHECKS:
    for case in gpt_rules.CASES:
        try:
            check(minigpt, case)
        except Exception as error:
            red.append([check.__name__, case[0], repr(error)])
json.dump(red, sys.stdout)
"""


@pytest.fixture(scope="session")
def red():
    home = str(Path(minigpt.__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", CHILD, json.dumps([str(RULES), home])], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("check", [check.__name__ for check in gpt_rules.CHECKS])
def test_in_a_process(red, check):
    assert [line for line in red if line[0] == check] == []


def test_in_threads():
    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(check, matmul) for check in mm_rules.CHECKS]:
            done.result()


def test_in_one_thread_each():
    found = queue.Queue()

    def run(case):
        try:
            gpt_rules.check_generate(minigpt, case)
        except BaseException:
            found.put(traceback.format_exc())

    threads = [threading.Thread(target=run, args=(case,)) for case in gpt_rules.CASES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found.empty(), found.get()


def test_forked():
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            config = minigpt.GPTConfig(vocab_size=3, block_size=2, n_layer=1, n_head=1, n_embd=2)
            os.write(write, str(config.n_embd).encode())
        finally:
            os._exit(0)
    os.close(write)
    assert os.read(read, 9) == b"2"
    os.close(read)
    assert os.waitpid(child, 0)[1] == 0
