"""Fixtures for everything under tests/, kept at the root beside the modules."""

import importlib

import contract_gpt
import contract_mm
import contract_scan
import pytest
import torch


@pytest.fixture(scope="session", params=["minigpt"])
def gpt(request):
    return importlib.import_module(request.param)


@pytest.fixture(scope="module")
def op():
    return importlib.import_module("matmul")


@pytest.fixture
def scans():
    return pytest.importorskip("scan")


@pytest.fixture(params=contract_gpt.CASES, ids=["learned", "rope"])
def case(request):
    return request.param


@pytest.fixture(autouse=True)
def quiet_world():
    threads = torch.get_num_threads()
    torch.manual_seed(3)
    yield
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() == torch.float32
    torch.set_num_threads(threads)


def pytest_generate_tests(metafunc):
    for name, module in (("gpt_check", contract_gpt), ("mm_check", contract_mm), ("scan_check", contract_scan)):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, module.CHECKS, ids=[c.__name__.removeprefix("check_") for c in module.CHECKS])
