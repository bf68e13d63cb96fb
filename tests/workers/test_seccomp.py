"""The filter of system calls: a call that is let through has a reason, all others are refused, on both processors."""

from __future__ import annotations

import ctypes
import ctypes.util
import errno
import os
import socket

import pytest

from autograder.workers import seccomp
from autograder.workers.syscall_numbers import NUMBERS

ALL = frozenset({"files", "network", "processes", "limits"})
MACHINES = tuple(seccomp.AUDIT_ARCH)
REASON = {name: reason for reason, names in seccomp.ALLOWED.items() for name in names}


def verdict(program: list[seccomp.Instruction], machine: str, number: int, *arguments: int) -> int:
    """What the kernel would make of a call: the program is run here, instruction by instruction."""
    words = [number, seccomp.AUDIT_ARCH[machine][1], 0, 0]
    for n in range(6):
        value = arguments[n] if n < len(arguments) else 0
        words += [value & 0xFFFFFFFF, (value >> 32) & 0xFFFFFFFF]
    accumulator, at = 0, 0
    while True:
        code, if_true, if_false, constant = program[at]
        at += 1
        if code == 0x20:
            accumulator = words[constant // 4]
        elif code == 0x54:
            accumulator &= constant
        elif code == 0x06:
            return constant
        else:
            holds = {0x15: accumulator == constant, 0x25: accumulator > constant, 0x35: accumulator >= constant}[code]
            at += if_true if holds else if_false


def refused(machine: str, name: str, *arguments: int, walls: frozenset[str] = ALL, device: str = "cpu") -> bool:
    number = NUMBERS[name][seccomp.AUDIT_ARCH[machine][0]]
    if number is None:
        return True
    return verdict(seccomp.program(walls, device, machine), machine, number, *arguments) != seccomp.ALLOW


def resolver():
    """libseccomp's function from a call's name and a processor to its number."""
    library = ctypes.util.find_library("seccomp")
    if library is None:
        pytest.skip("libseccomp is not installed (Debian: libseccomp2)")
    function = ctypes.CDLL(library).seccomp_syscall_resolve_name_arch
    function.argtypes, function.restype = [ctypes.c_uint32, ctypes.c_char_p], ctypes.c_int
    return function


@pytest.mark.parametrize("machine", MACHINES)
def test_the_numbers_are_those_of_libseccomp(machine):
    resolve = resolver()
    column, arch = seccomp.AUDIT_ARCH[machine]
    theirs = {name: resolve(arch, name.encode()) for name in NUMBERS}  # -1: not known there, less: no such call here
    compared = {name for name, number in theirs.items() if number >= 0}
    assert {n: NUMBERS[n][column] for n in compared} == {n: theirs[n] for n in compared}
    assert len(compared) > 280
    assert {n for n, number in theirs.items() if number < -1 and NUMBERS[n][column] is not None} == set()


@pytest.mark.parametrize("machine", MACHINES)
def test_every_call_that_is_let_through_has_a_reason(machine):
    column = seccomp.AUDIT_ARCH[machine][0]
    program = seccomp.program(ALL, "cpu", machine)
    names = {numbers[column]: name for name, numbers in NUMBERS.items() if numbers[column] is not None}
    rules = seccomp._rules(ALL, "cpu")
    for number in range(700):
        name = names.get(number)
        allowed = verdict(program, machine, number) == seccomp.ALLOW
        if allowed:
            assert name in REASON, (number, name)
        elif name in REASON:
            assert name in rules, f"{name} is said to be allowed"
    assert verdict(program, machine, 0x40000000) & 0xFFFF in (errno.EPERM, errno.ENOSYS)


def test_the_running_kernel_refuses_every_other_call(workshop):
    """All numbers, tried in a contestant: a call that is not in the table never begins."""
    column = seccomp.AUDIT_ARCH[os.uname().machine][0]
    known = {NUMBERS[name][column] for name in REASON}
    others = [number for number in range(600) if number not in known]
    if os.uname().machine == "x86_64":  # no filter sees these two of the kernel's own: they end who calls them
        others = [number for number in others if number not in (335, 336)]
    code = f"""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
errors = {{}}
for number in {others}:
    ctypes.set_errno(0)
    given = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(-1)] * 6)
    errors[number] = ctypes.get_errno() if given == -1 else "through"
print(sorted(n for n, e in errors.items() if e not in ({errno.EPERM}, {errno.ENOSYS})))
"""
    with workshop.inside() as inside:
        assert inside.cell(code) == (None, "[]\n")


ARGUMENTS = {  # a call that is let through, and the same with an argument that is refused
    "fcntl": ((3, 1, 0), (3, 1024, 1)),  # F_SETLEASE
    "ioctl": ((3, 0x5401), (3, 0x40086602)),  # FS_IOC_SETFLAGS
    "mmap": ((0, 4096, 3, 0x22), (0, 4096, 3, 0x122)),  # MAP_GROWSDOWN
    "mremap": ((0, 1, 2, 1), (0, 1, 2, 4)),
    "madvise": ((0, 1, 4), (0, 1, 12)),  # MADV_MERGEABLE
    "prctl": ((15, 0), (4, 1)),  # PR_SET_DUMPABLE
    "clone": ((0x3D0F00,), (17,)),  # a process
    "tgkill": ((os.getpid(), 1, 15), (os.getpid(), 1, 9)),
    "prlimit64": ((0, 7, 0, 1), (0, 7, 1 << 32, 0)),
    "sendto": ((3, 1, 1, 0x4000), (3, 1, 1, 1)),  # MSG_OOB
    "sendmsg": ((3, 1, 0x40), (3, 1, 1)),
    "recvfrom": ((3, 1, 1, 0), (3, 1, 1, 1)),
    "recvmsg": ((3, 1, 0), (3, 1, 1)),
    "getsockopt": ((3, 1, 3), (3, 6, 11)),
    "socketpair": ((1, socket.SOCK_STREAM), (1, socket.SOCK_DGRAM)),
    "sched_setaffinity": ((0,), (1,)),
    "setpriority": ((0, 0), (2, 0)),
}
MORE_REFUSED = [
    ("fcntl", (3, 1026, 1)),  # F_NOTIFY
    ("fcntl", (3, 4, 0x2000)),  # F_SETFL with O_ASYNC
    ("fcntl", (3, 1031, 1 << 20)),  # F_SETPIPE_SZ
    ("mmap", (0, 4096, 3, 0x21)),  # shared and anonymous: no limit counts it
    ("mmap", (0, 4096, 3, 0x2022)),  # MAP_LOCKED
    ("prctl", (1, 0)),
    ("sendto", (3, 1, 1, 0, 1 << 32)),  # to an address
    *[(name, ()) for name in ("setsockopt", "statmount", "mbind", "set_mempolicy", "timer_create", "flock", "splice")],
]


@pytest.mark.parametrize("machine", MACHINES)
def test_arguments_are_held_to_lists(machine):
    for name, (right, wrong) in ARGUMENTS.items():
        assert not refused(machine, name, *right), name
        assert refused(machine, name, *wrong), name
    for name, arguments in MORE_REFUSED:
        assert refused(machine, name, *arguments), (name, arguments)
    assert ARGUMENTS.keys() >= seccomp._rules(ALL, "cpu").keys() - {
        "sched_setscheduler", "sched_setparam", "sched_setattr",
    }  # fmt: skip


@pytest.mark.parametrize("machine", MACHINES)
def test_without_a_wall_its_calls_are_let_through(machine):
    for wall, names in seccomp.WHILE_MISSING.items():
        for name in names:
            if NUMBERS[name][seccomp.AUDIT_ARCH[machine][0]] is not None:
                assert refused(machine, name), name
                assert not refused(machine, name, walls=ALL - {wall}), name
    assert not refused(machine, "mmap", 0, 4096, 3, 0x122, walls=ALL - {"limits"})
    assert not refused(machine, "fcntl", 3, 1024, 1, walls=ALL - {"files"})


@pytest.mark.parametrize("machine", MACHINES)
def test_on_a_gpu_what_was_refused_is_still_refused(machine):
    for name in seccomp.REFUSED_ON_A_GPU:
        assert refused(machine, name, device="cuda"), name
    for name, arguments in (
        ("fcntl", (3, 1024, 1)),
        ("ioctl", (3, 0x40086602)),
        ("sendto", (3, 1, 1, 1)),
        ("clone", (17,)),
    ):
        assert refused(machine, name, *arguments, device="cuda"), name
    for name, arguments in (
        ("ioctl", (3, 0xC020462A)),
        ("ioctl", (3, 0x30000001)),
        ("mmap", (0, 1, 3, 0x21)),
        ("bind", ()),
    ):
        assert not refused(machine, name, *arguments, device="cuda"), name
