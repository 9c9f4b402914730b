import io
import stat
import zipfile
from pathlib import Path

import pytest

from tumorlens.datasets.unpack import copy_tree, unpack_zip
from tumorlens.errors import DatasetError


def archive(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return path


def test_files_are_unpacked_with_their_folders(tmp_path: Path) -> None:
    made = archive(tmp_path / "a.zip", **{"x/1.mat": b"one", "x/y/2.mat": b"two", "empty/": b""})
    assert unpack_zip(made, tmp_path / "out") == 2
    assert (tmp_path / "out/x/y/2.mat").read_bytes() == b"two"


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "..\\evil", "C:\\evil", "x/../../../evil"])
def test_no_member_leaves_the_folder(tmp_path: Path, name: str) -> None:
    made = archive(tmp_path / "a.zip", **{name: b"evil"})
    with pytest.raises(DatasetError, match="could end outside its folder: refused"):
        unpack_zip(made, tmp_path / "deep" / "out")
    assert not list(tmp_path.rglob("evil"))


def test_links_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as made:
        made.writestr(link, "/etc/passwd")
    with pytest.raises(DatasetError, match="refused"):
        unpack_zip(tmp_path / "a.zip", tmp_path / "out")


def test_a_bomb_is_stopped_at_the_limit(tmp_path: Path) -> None:
    made = archive(tmp_path / "a.zip", bomb=bytes(5_000_000))
    assert made.stat().st_size < 10_000
    with pytest.raises(DatasetError, match="more than the limit"):
        unpack_zip(made, tmp_path / "out", max_total=1_000_000)
    assert (tmp_path / "out" / "bomb").stat().st_size <= 1_000_000


@pytest.mark.parametrize("damage", ["cut", "none", "flip"])
def test_damaged_archives_are_refused(tmp_path: Path, damage: str) -> None:
    content = bytearray(archive(tmp_path / "a.zip", one=bytes(range(256)) * 100).read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "none":
        content = bytearray(b"no archive")
    else:
        content[60] ^= 0xFF
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(DatasetError, match=r"a\.zip is no whole zip archive"):
        unpack_zip(tmp_path / "a.zip", tmp_path / "out")


def test_encrypted_members_are_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        made.writestr("one", b"content")
    content = bytearray(buffer.getvalue())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(DatasetError, match="is encrypted: unpack it by hand"):
        unpack_zip(tmp_path / "a.zip", tmp_path / "out")


def test_copy_refuses_links(tmp_path: Path) -> None:
    (tmp_path / "in" / "a").mkdir(parents=True)
    (tmp_path / "in" / "a" / "1.png").write_bytes(b"1")
    assert copy_tree(tmp_path / "in", tmp_path / "out") == 1
    assert (tmp_path / "out" / "a" / "1.png").read_bytes() == b"1"
    (tmp_path / "in" / "link").symlink_to("/etc/passwd")
    with pytest.raises(DatasetError, match="is a link"):
        copy_tree(tmp_path / "in", tmp_path / "other")
