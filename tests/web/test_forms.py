from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tumorlens.web.forms import FormReader, boundary_of
from tumorlens.web.problems import ProblemError
from tumorlens.web.scratch import Scratch

BOUNDARY = b"xyz"


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    made = Scratch(tmp_path)
    yield made
    made.close()


def reader(scratch: Scratch, max_files: int = 5, max_file_bytes: int = 1000) -> FormReader:
    return FormReader(BOUNDARY, scratch, frozenset({"spacing"}), max_files, max_file_bytes)


def part(disposition: bytes, content: bytes) -> bytes:
    return b"--xyz\r\nContent-Disposition: form-data; " + disposition + b"\r\n\r\n" + content + b"\r\n"


def file_part(content: bytes, name: bytes = b"a.png") -> bytes:
    return part(b'name="files"; filename="' + name + b'"', content)


END = b"--xyz--\r\n"
contents = st.lists(st.binary(max_size=200).filter(lambda data: b"--xyz" not in data), max_size=4)


def files_left(scratch: Scratch) -> int:
    return len([path for path in scratch.folder.iterdir() if path.name != "lock"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(contents=contents, cut=st.integers(1, 50))
def test_files_arrive_whole_in_pieces_of_any_size(scratch: Scratch, contents: list[bytes], cut: int) -> None:
    body = b"".join(map(file_part, contents)) + part(b'name="spacing"', b"1,2") + END
    form_reader = reader(scratch)
    for start in range(0, len(body), cut):
        form_reader.feed(body[start : start + cut])
    form = form_reader.finish()
    assert [upload.path.read_bytes() for upload in form.uploads] == contents
    assert [upload.size for upload in form.uploads] == [len(one) for one in contents]
    assert form.fields == {"spacing": "1,2"}
    form_reader.discard()
    assert files_left(scratch) == 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=400), start=st.sampled_from([b"", b"--xyz\r\n", file_part(b"abc")]))
def test_any_bytes_are_a_form_or_a_problem_and_leave_nothing(scratch: Scratch, body: bytes, start: bytes) -> None:
    form_reader = reader(scratch)
    try:
        form_reader.feed(start + body)
        form_reader.finish()
    except ProblemError as error:
        assert 400 <= error.problem.status < 500
    form_reader.discard()
    assert files_left(scratch) == 0


def test_a_file_over_the_limit_is_refused_and_the_others_are_kept(scratch: Scratch) -> None:
    form_reader = reader(scratch)
    form_reader.feed(file_part(b"x" * 1001, b"big.png") + file_part(b"ok") + END)
    form = form_reader.finish()
    assert [upload.size for upload in form.uploads] == [2]
    ((name, problem),) = form.refused
    assert (name, problem.status) == ("big.png", 413)
    assert files_left(scratch) == 1


def test_names_are_cleaned_and_never_used_on_the_disk(scratch: Scratch) -> None:
    form_reader = reader(scratch)
    form_reader.feed(file_part(b"x", b"../../../evil.png") + END)
    (upload,) = form_reader.finish().uploads
    assert upload.name == "evil.png"
    assert upload.path.parent == scratch.folder
    assert "evil" not in str(upload.path)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (file_part(b"x") * 6 + END, 413),
        (part(b'name="spacing"', b"1,2") * 2 + END, 422),
        (part(b'name="other"', b"1") + END, 422),
        (part(b'name="spacing"', b"1" * 300) + END, 422),
        (part(b"", b"nameless") + END, 400),
        (file_part(b"cut off")[:-4], 400),
        (b"no form at all", 400),
        (b"--xyz\r\nX: " + b"y" * 9000 + b"\r\n\r\n", 400),
    ],
)
def test_forms_that_are_refused(scratch: Scratch, body: bytes, status: int) -> None:
    form_reader = reader(scratch)
    with pytest.raises(ProblemError) as caught:
        form_reader.feed(body)
        form_reader.finish()
    assert caught.value.problem.status == status
    form_reader.discard()
    assert files_left(scratch) == 0


@pytest.mark.parametrize("content_type", ["", "application/json", "multipart/form-data", "multipart/mixed; boundary=x"])
def test_other_content_types_are_refused(content_type: str) -> None:
    with pytest.raises(ProblemError):
        boundary_of(content_type)
    assert boundary_of('multipart/form-data; boundary="a b"') == b"a b"
