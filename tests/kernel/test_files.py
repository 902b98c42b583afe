"""Encrypted files: what comes back, what is noticed, and what is left behind."""

import hashlib
import io
import os
import resource
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from wame_box.kernel.errors import Refused, StorageFailed
from wame_box.kernel.files import EncryptedWriter, FileDamaged, FileStore, open_encrypted
from wame_box.kernel.sealed import CHUNK_BYTES, HEADER_BYTES, SEALED_BYTES

KEY = bytes(range(32))
ALICE, CHARLIE = 11, 22


def sealed(path: Path, content: bytes) -> Path:
    with path.open("wb") as file:
        writer = EncryptedWriter(file, KEY)
        writer.write(content)
        writer.finish()
    return path


def read(path: Path, key: bytes = KEY) -> bytes:
    with open_encrypted(path, key) as file:
        return file.read()


async def pieces(content: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "files")


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
def test_what_was_written_comes_back(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    path = sealed(tmp_path / "x", content)
    assert read(path) == content
    assert size < 32 or content[:32] not in path.read_bytes()


def test_reading_from_any_place(tmp_path: Path) -> None:
    content = os.urandom(3 * CHUNK_BYTES + 77)
    with open_encrypted(sealed(tmp_path / "x", content), KEY) as file:
        for start in (2 * CHUNK_BYTES + 5, 0, CHUNK_BYTES - 3):
            assert file.seek(start) == start
            assert file.read(10) == content[start : start + 10]
        assert file.seek(-7, io.SEEK_END) == len(content) - 7
        assert file.read() == content[-7:]


def test_text_is_read_line_by_line(tmp_path: Path) -> None:
    lines = [f"Zoé {number}\n" for number in range(20_000)]
    path = sealed(tmp_path / "x", "".join(lines).encode())
    with io.TextIOWrapper(open_encrypted(path, KEY), "utf-8") as text:
        assert list(text) == lines


def chunk(data: bytes, number: int) -> bytes:
    return data[HEADER_BYTES + number * SEALED_BYTES : HEADER_BYTES + (number + 1) * SEALED_BYTES]


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: data[:-1], id="last byte cut"),
        pytest.param(lambda data: data[: HEADER_BYTES + 2 * SEALED_BYTES], id="cut between chunks"),
        pytest.param(lambda data: data[:HEADER_BYTES], id="nothing but a header"),
        pytest.param(lambda data: data[:5], id="half a header"),
        pytest.param(lambda data: b"", id="empty"),
        pytest.param(lambda data: data + chunk(data, 0), id="a chunk more"),
        pytest.param(lambda data: data[:HEADER_BYTES] + chunk(data, 1) + chunk(data, 0) + chunk(data, 2), id="swapped"),
        pytest.param(lambda data: data[:HEADER_BYTES] + chunk(data, 1) + chunk(data, 2), id="first chunk dropped"),
        pytest.param(lambda data: data[:100] + bytes([data[100] ^ 1]) + data[101:], id="a bit of the content"),
        pytest.param(lambda data: data[:8] + bytes([data[8] ^ 1]) + data[9:], id="a bit of the header"),
        pytest.param(lambda data: data[:4] + b"\x02" + data[5:], id="another version"),
    ],
)
def test_damage_is_noticed_and_the_file_named(tmp_path: Path, damage: object) -> None:
    path = sealed(tmp_path / "holiday", os.urandom(2 * CHUNK_BYTES + 500))
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(FileDamaged, match="holiday"):
        read(path)


def test_a_cut_file_is_noticed_before_its_beginning_is_used(tmp_path: Path) -> None:
    path = sealed(tmp_path / "x", os.urandom(3 * CHUNK_BYTES))
    path.write_bytes(path.read_bytes()[: HEADER_BYTES + SEALED_BYTES])
    with pytest.raises(FileDamaged):
        open_encrypted(path, KEY)


def test_another_key_or_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileDamaged):
        read(sealed(tmp_path / "x", b"hello"), bytes(32))
    with pytest.raises(FileDamaged, match="missing"):
        read(tmp_path / "gone")


def test_the_store_keeps_a_file_under_its_account(store: FileStore, tmp_path: Path) -> None:
    content = b"hello " * 50_000
    saved = store.save(ALICE, [content[:10], content[10:]], 1_000_000)
    assert (saved.sha256, saved.size) == (hashlib.sha256(content).digest(), len(content))
    assert saved.name.startswith("11/")
    assert len(saved.key) == 32
    with store.open(saved.name, saved.key) as file:
        assert file.read() == content
    again = store.save(CHARLIE, [content], 1_000_000)
    assert again.key != saved.key
    assert sorted(store.names()) == sorted([saved.name, again.name])
    store.delete(saved.name)
    store.delete(saved.name)
    assert list(store.names()) == [again.name]
    assert (tmp_path / "files" / "11").stat().st_mode & 0o777 == 0o700


async def test_content_that_arrives_and_leaves_in_parts(store: FileStore) -> None:
    content = os.urandom(1_000_000)
    saved = await store.receive(ALICE, pieces(content), len(content))
    assert saved.sha256 == hashlib.sha256(content).digest()
    parts = [part async for part in store.stream(saved.name, saved.key)]
    assert b"".join(parts) == content
    assert len(parts) == 4


async def test_too_much_is_refused_and_leaves_nothing(store: FileStore, tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        await store.receive(ALICE, pieces(b"x" * 5_000_000), 3 * 1024 * 1024)
    assert (refused.value.code, refused.value.params) == ("file_too_large", {"limit": 3_145_728, "limit_mb": "3"})
    with pytest.raises(Refused):
        store.save(ALICE, [b"123456"], 5)
    assert list((tmp_path / "files" / "11").iterdir()) == []


async def test_a_broken_upload_leaves_nothing(store: FileStore, tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 500_000
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await store.receive(ALICE, broken(), 1_000_000)
    assert list((tmp_path / "files" / "11").iterdir()) == []


def test_half_written_files_of_a_crash_are_dropped_at_the_start(store: FileStore) -> None:
    saved = store.save(ALICE, [b"kept"], 100)
    with store.draft(ALICE, 100) as draft:  # still open: what the disk looks like after a kill
        draft.write(b"lost")
        assert store.remove_drafts() == 1
    assert list(store.names()) == [saved.name]


@pytest.mark.parametrize("name", ["../box.db", "11/../../x", "/etc/passwd", "11/" + "g" * 32, ""])
def test_only_names_of_the_store_are_opened(store: FileStore, name: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        store.open(name, KEY)


def test_a_disk_that_refuses_is_told_apart(store: FileStore, tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(StorageFailed):
            store.save(ALICE, [b"x" * 300_000], 1_000_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list((tmp_path / "files" / "11").iterdir()) == []


def test_a_kept_file_is_on_disk_with_its_name(store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    fsync, rename = os.fsync, Path.rename

    def noted_fsync(descriptor: int) -> None:
        done.append("sync")
        fsync(descriptor)

    def noted_rename(path: Path, target: Path) -> Path:
        done.append("rename")
        return rename(path, target)

    store.save(ALICE, [b"first makes the folder"], 100)
    monkeypatch.setattr("os.fsync", noted_fsync)
    monkeypatch.setattr(Path, "rename", noted_rename)
    store.save(ALICE, [b"x"], 100)
    assert done == ["sync", "rename", "sync"]
