from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tumorlens.web.archives import ArchiveLimits, Member, Unpacker, member_name
from tumorlens.web.names import clean_name
from tumorlens.web.problems import ProblemError
from tumorlens.web.scratch import Scratch

LIMITS = ArchiveLimits(members=5, member_bytes=40 * 2**20, total_bytes=60 * 2**20)
Unpack = Callable[[bytes], list[Member]]


def archive(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return stream.getvalue()


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    made = Scratch(tmp_path)
    yield made
    made.close()


@pytest.fixture
def unpack(scratch: Scratch) -> Unpack:
    def run(data: bytes) -> list[Member]:
        path = scratch.new_file()
        path.write_bytes(data)
        unpacker = Unpacker(path, scratch, LIMITS)
        try:
            unpacker.run()
        finally:
            path.unlink()
        return unpacker.members

    return run


def left(scratch: Scratch) -> int:
    return len(list(scratch.folder.iterdir())) - 1


def test_scans_come_out_with_the_path_they_had(unpack: Unpack, png: bytes) -> None:
    found = unpack(archive({"a/b.png": png, "c": png, "readme.txt": b"no scan", "__MACOSX/a": b"x", "a/.hidden": png}))
    assert [one.name for one in found] == ["a/b.png", "c"]
    assert all(one.path.read_bytes() == png and one.size == len(png) for one in found)


def test_a_damaged_scan_is_kept_to_be_reported(unpack: Unpack) -> None:
    assert [one.name for one in unpack(archive({"broken.png": b"no picture"}))] == ["broken.png"]


@pytest.mark.parametrize("name", ["../evil.png", "/etc/evil.png", r"..\evil.png", "a/../../evil.png", "C:/evil.png"])
def test_zip_slip_is_refused(unpack: Unpack, scratch: Scratch, png: bytes, name: str) -> None:
    with pytest.raises(ProblemError, match="leads out of it") as caught:
        unpack(archive({"good.png": png, name: png}))
    assert caught.value.problem.status == 415
    assert left(scratch) == 0


def test_a_bomb_is_refused_while_it_inflates(unpack: Unpack, scratch: Scratch) -> None:
    with pytest.raises(ProblemError, match="100 times its size") as caught:
        unpack(archive({"bomb.png": bytes(30 * 2**20)}))
    assert caught.value.problem.status == 413
    assert left(scratch) == 0


def test_a_member_may_not_exceed_its_limit(unpack: Unpack, scratch: Scratch) -> None:
    import os

    stored = archive({"big.png": os.urandom(2**20) * 41}, zipfile.ZIP_STORED)
    with pytest.raises(ProblemError, match="once inflated"):
        unpack(stored)
    assert left(scratch) == 0


def test_too_many_members_are_refused(unpack: Unpack, png: bytes) -> None:
    with pytest.raises(ProblemError, match="the limit is 5"):
        unpack(archive({f"{number}.png": png for number in range(6)}))
    with pytest.raises(ProblemError, match="entries"):
        unpack(archive({f"{number}/": b"" for number in range(50)}))


def test_a_link_is_refused(unpack: Unpack) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        info = zipfile.ZipInfo("link.png")
        info.create_system, info.external_attr = 3, 0o120777 << 16
        file.writestr(info, "/etc/passwd")
    with pytest.raises(ProblemError, match="holds a link"):
        unpack(stream.getvalue())


def test_encryption_and_odd_compression_are_refused(unpack: Unpack, png: bytes) -> None:
    with pytest.raises(ProblemError, match="deflate"):
        unpack(archive({"a.png": png}, zipfile.ZIP_BZIP2))
    data = bytearray(archive({"a.png": png}))
    place = data.rfind(b"PK\x01\x02")
    struct.pack_into("<H", data, place + 8, 1)
    with pytest.raises(ProblemError, match="encrypted"):
        unpack(bytes(data))


def test_an_archive_without_scans_or_in_an_archive_is_refused(unpack: Unpack, png: bytes) -> None:
    with pytest.raises(ProblemError, match="holds no scan"):
        unpack(archive({"a.txt": b"text"}))
    with pytest.raises(ProblemError, match="holds no scan"):
        unpack(archive({"inner.zip": archive({"a.png": png})}))
    with pytest.raises(ProblemError, match="holds no scan"):
        unpack(archive({}))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(place=st.integers(0, 10_000), value=st.integers(0, 255), cut=st.integers(0, 10_000))
def test_damage_anywhere_is_a_problem_or_a_member_and_leaves_nothing(
    unpack: Unpack, scratch: Scratch, png: bytes, place: int, value: int, cut: int
) -> None:
    data = bytearray(archive({"a.png": png, "b/c.png": png[:50]}))
    data[place % len(data)] = value
    if cut % 3 == 0:
        del data[cut % len(data) :]
    try:
        found = unpack(bytes(data))
    except ProblemError as error:
        assert error.problem.status in (413, 415, 422)
        found = []
    for one in found:
        one.path.unlink()
    assert left(scratch) == 0


@given(st.text())
def test_member_names_are_harmless(raw: str) -> None:
    parts = member_name(raw).split("/")
    assert all(part == clean_name(part) for part in parts if part)
    assert ".." not in parts


def renamed(data: bytes, old: bytes, new: bytes) -> bytes:
    """The archive with a name of the same length put in place of another, in directory and header."""
    assert len(old) == len(new) and data.count(old) == 2
    return data.replace(old, new)


@pytest.mark.parametrize("name", [b"\0bad.png", b"\0\0\0\0\0\0\0\0", b"bad\0.png"])
def test_a_name_with_nul_is_refused_alone(scratch: Scratch, png: bytes, name: bytes) -> None:
    path = scratch.new_file()
    path.write_bytes(renamed(archive({"good.png": png, "evil.png": png}), b"evil.png", name))
    unpacker = Unpacker(path, scratch, LIMITS)
    unpacker.run()
    assert [one.name for one in unpacker.members] == ["good.png"]
    ((_, why),) = unpacker.refused
    assert why.status == 415 and "rename it" in why.detail


def test_a_damaged_member_is_refused_alone(scratch: Scratch, png: bytes) -> None:
    data = bytearray(archive({"bad.png": png, "good.png": png}, zipfile.ZIP_STORED))
    data[data.index(png) + len(png) // 2] ^= 0xFF
    path = scratch.new_file()
    path.write_bytes(bytes(data))
    unpacker = Unpacker(path, scratch, LIMITS)
    unpacker.run()
    assert [one.name for one in unpacker.members] == ["good.png"]
    ((shown, why),) = unpacker.refused
    assert shown == "bad.png" and "damaged" in why.detail
