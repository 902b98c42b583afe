"""Where things are: the assets, the data folder, the key that encrypts it, and the lock that keeps it to one box."""

import fcntl
import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

KEY_BYTES = 32
KEY_CREDENTIAL = "box.key"  # its name among systemd's credentials (LoadCredential=box.key:…)


class StartError(Exception):
    """The box cannot start. The message tells the operator what is wrong and what to do; no traceback is needed."""


def asset_dir() -> Path:
    """The folder of `templates`, `static`, `locales` and `docs`: in the frozen binary, the wheel or the clone."""
    package = Path(__file__).resolve().parent.parent
    places = [package / "_assets", package.parent / "assets"]
    if frozen := getattr(sys, "_MEIPASS", None):
        places.insert(0, Path(frozen) / "assets")
    for place in places:
        if place.is_dir():
            return place
    raise StartError(f"The box's own files (templates, styles, translations) are missing: looked in {_listed(places)}.")


@dataclass(frozen=True)
class DataFolder:
    """Everything the box keeps, except its key. `root` is absolute."""

    root: Path

    @property
    def database(self) -> Path:
        return self.root / "box.db"

    @property
    def jobs(self) -> Path:
        return self.root / "jobs.db"

    @property
    def files(self) -> Path:
        return self.root / "files"

    @property
    def sandbox(self) -> Path:
        return self.root / "sandbox"

    @property
    def lock_file(self) -> Path:
        return self.root / "box.lock"

    def create(self) -> None:
        """Make the folder, readable by its owner only. Raises StartError when the system refuses."""
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StartError(f"The data folder {self.root} cannot be made: {error.strerror}.") from error


def data_folder(configured: str, environ: Mapping[str, str] = os.environ) -> DataFolder:
    """The data folder for the setting `data.dir`; empty means the usual place (see `usual_data_dir`)."""
    return DataFolder(Path(configured).expanduser().absolute() if configured else usual_data_dir(environ))


def usual_data_dir(environ: Mapping[str, str]) -> Path:
    """systemd's StateDirectory if there is one, /var/lib/wame-box for root, else the user's own data folder."""
    if given := environ.get("STATE_DIRECTORY"):
        return Path(given.split(":")[0])
    if os.geteuid() == 0:
        return Path("/var/lib/wame-box")
    home = environ.get("XDG_DATA_HOME")
    return (Path(home) if home else Path.home() / ".local" / "share") / "wame-box"


def key_path(configured: str, folder: DataFolder, environ: Mapping[str, str] = os.environ) -> Path:
    """The key file: as configured, else systemd's credential, else beside the data folder (`data` → `data.key`)."""
    if configured:
        return Path(configured).expanduser().absolute()
    if credentials := environ.get("CREDENTIALS_DIRECTORY"):
        credential = Path(credentials) / KEY_CREDENTIAL
        if credential.is_file():
            return credential
    return folder.root.with_name(folder.root.name + ".key")


def load_key(path: Path, folder: DataFolder, environ: Mapping[str, str] = os.environ) -> bytes:
    """The 32 bytes that encrypt the box. A new box gets a new key file (mode 0600, 64 hexadecimal digits).

    Raises StartError when the key file is unreadable, open to others, inside the data folder, no key, or missing
    although there is a database that only it could open.
    """
    if folder.root.resolve() in path.resolve().parents:
        raise StartError(f"The key file {path} lies inside the data folder: a copy of that folder would carry its own key.")
    if not path.exists():
        if folder.database.exists():
            raise StartError(f"The key file {path} is missing. {folder.database} cannot be opened without it: put it back.")
        _create_key(path)
    try:
        text = path.read_text("ascii").strip()
        mode = path.stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(f"The key file {path} cannot be read: {error}.") from error
    if mode & 0o077 and not _is_credential(path, environ):
        raise StartError(f"Others can read the key file {path}. Close it with: chmod 600 {path}")
    return _decode_key(text, path)


def _decode_key(text: str, path: Path) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise StartError(f"The key file {path} holds no key: it should be one line of {2 * KEY_BYTES} hexadecimal digits.")
    return key


def _is_credential(path: Path, environ: Mapping[str, str]) -> bool:
    # systemd guards these itself, with an ACL that shows as a group bit.
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    return bool(credentials) and Path(credentials or "") == path.parent


def _create_key(path: Path) -> None:
    """Write beside, then link: the key file is whole or absent, and one that came meanwhile is never replaced."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_bytes(KEY_BYTES).hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(draft)
        finally:
            draft.unlink()
        sync_folder(path.parent)
    except FileExistsError:
        return
    except OSError as error:
        raise StartError(f"The key file {path} cannot be written: {error.strerror}.") from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable: a rename is on disk only after its folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class FolderLock:
    """Keeps a second box off the data folder, for as long as this one lives. The system frees it however we end."""

    def __init__(self, folder: DataFolder) -> None:
        """Take the lock. Raises StartError naming the folder and the process that has it."""
        folder.create()
        try:
            self._file = folder.lock_file.open("a+", encoding="ascii")
        except OSError as error:
            raise StartError(f"The data folder {folder.root} cannot be written: {error.strerror}.") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.seek(0)
            owner = self._file.read().strip() or "unknown"
            self._file.close()
            raise StartError(f"Another box (process {owner}) is using the data folder {folder.root}. Stop it first.") from error
        self._file.truncate(0)
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()

    def release(self) -> None:
        """Let go. May be called twice."""
        self._file.close()

    def __enter__(self) -> "FolderLock":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()


def _listed(places: list[Path]) -> str:
    return ", ".join(str(place) for place in places)
