import logging
import os
import sys
import warnings

import contract
import matmul
import minigpt
import op_contract
import pytest
import torch

LINE = "x" * 1000 + "\n"


@pytest.mark.parametrize("case", contract.CASES)
@pytest.mark.parametrize("check", contract.CHECKS)
def test_gpt(check, case, tmp_path):
    print(LINE * 20)
    check(minigpt, case)
    assert os.path.samefile(os.getcwd(), tmp_path)


@pytest.mark.parametrize("check", op_contract.CHECKS)
def test_op(check, capsys):
    check(matmul)
    capsys.readouterr()


def test_flood():
    for _ in range(2000):
        sys.stdout.write(LINE)
        sys.stderr.write(LINE)
    os.write(1, LINE.encode() * 500)
    os.write(2, b"\xff\x00\x1b[2J\x1b]0;title\x07" * 500)
    print("\r== 999 failed in 0.01s ==\nFAILED tests/test_x.py::test_y\n<!-- ]]> -->", flush=True)


def test_captured(capfd, caplog, recwarn):
    logging.getLogger("candidate").error("nothing is wrong")
    warnings.warn("nor here", stacklevel=1)
    os.write(1, b"hello")
    assert capfd.readouterr().out == "hello"
    assert len(caplog.records) == 1 and len(recwarn) == 1


def test_saved_and_loaded(tmp_path):
    model, state = contract.build(minigpt, contract.CASES[1], 2)
    torch.save(model.state_dict(), "here.pt")
    other, _ = contract.build(minigpt, contract.CASES[1], 3)
    other.load_state_dict(torch.load(tmp_path / "here.pt"))
    idx = contract.tokens(2, 6)
    contract.near(other(idx)[0].detach(), contract.oracle(state, contract.CASES[1], idx))


def test_in_a_folder_that_is_gone(tmp_path_factory, monkeypatch):
    gone = tmp_path_factory.mktemp("gone")
    monkeypatch.chdir(gone)
    gone.rmdir()
    contract.check_generate(minigpt, contract.CASES[0])


def test_with_other_streams(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "argv", [])
    contract.check_logits(minigpt, contract.CASES[0])


def teardown_module():
    os.chdir("/")
