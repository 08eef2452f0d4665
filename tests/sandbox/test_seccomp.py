"""The one policy for system calls: grouped, with a reason for each group, and each group tried."""

from __future__ import annotations

import re

import pytest
from rooms import ATTACKS

from grader.sandbox import seccomp

TRIED = re.findall(r'^call(?:_in_child)?\("(\w+)"', (ATTACKS / "system_calls.py").read_text(), re.MULTILINE)
# What docs/threat-model.md promises to refuse, by the call that would do it.
PROMISED = {
    *("socket", "io_uring_setup", "keyctl", "add_key", "request_key", "ptrace", "process_vm_readv", "bpf"),
    *("perf_event_open", "userfaultfd", "unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "mknod"),
    *("open_by_handle_at", "init_module", "finit_module", "kexec_load", "memfd_secret", "personality", "syslog"),
}


def test_every_denied_call_is_in_one_group_with_a_reason() -> None:
    """No call stands twice or on both sides, and each group says why."""
    assert len(seccomp.DENIED) == len(set(seccomp.DENIED))
    assert not set(seccomp.ALLOWED) & set(seccomp.REFUSED)
    assert all(len(why) > 5 and calls.split() for why, calls in seccomp.DENIED_FOR.items())


def test_what_is_promised_is_denied_by_name() -> None:
    """Denied, not merely unknown: sockets of every family, io_uring, keys, tracing, bpf, namespaces, mounts, ..."""
    assert set(seccomp.REFUSED) >= PROMISED
    conditional = {(rule.call, rule.value) for rule in seccomp.CONDITIONAL if not rule.allow}
    assert {("clone", 0x10000000), ("clone", 0x40000000), ("ioctl", 0x5412), ("fcntl", 37)} <= conditional
    assert {("memfd_create", 0x4), ("mmap", 0x40000), ("seccomp", 0x8)} <= conditional
    assert seccomp.ABSENT == ["clone3"]


@pytest.mark.parametrize("why", seccomp.DENIED_FOR)
def test_every_denied_group_is_tried_from_inside(why: str) -> None:
    """test_kernel.py makes at least one call of each group in both sandboxes."""
    calls = seccomp.DENIED_FOR[why].split()
    assert any(tried == call or tried.startswith(f"{call}_") for tried in TRIED for call in calls)
