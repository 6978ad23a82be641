"""Where a folder lies: a journal needs memory that all its users share, so no network file system (D9)."""

from __future__ import annotations

from pathlib import Path

from choirmaster.errors import ConfigError

MOUNTS = Path("/proc/self/mountinfo")
_NETWORK = (
    "nfs",
    "cifs",
    "smb",
    "ncpfs",
    "afs",
    "9p",
    "ceph",
    "lustre",
    "glusterfs",
    "gfs2",
    "ocfs2",
    "beegfs",
    "davfs",
)
_FUSE = ("sshfs", "s3fs", "glusterfs", "ceph", "gcsfuse", "rclone", "goofys", "juicefs", "davfs", "blobfuse", "mfs")


def check_local(folder: Path, *, mounts: Path = MOUNTS) -> None:
    """Refuse a folder on a network file system; where the platform does not tell, nothing is refused.

    Parameters
    ----------
    folder : Path
        May be still to be made.
    mounts : Path
        The table of mounts in the form of Linux.

    Raises
    ------
    ConfigError
        The folder lies on a network file system.

    >>> check_local(Path("/"), mounts=Path("/no/such/table"))
    """
    kind = file_system(folder, mounts)
    if is_network(kind):
        raise ConfigError(
            "the journal lies on a network file system", where=str(folder), got=kind, expected="a local disk",
            fix="set journal: to a folder on a disk of this machine",
        )  # fmt: skip


def is_network(kind: str) -> bool:
    """Tell whether a file system's type is one that several machines share.

    >>> is_network("nfs4"), is_network("fuse.sshfs"), is_network("ext4"), is_network("fuse.ntfs-3g")
    (True, True, False, False)
    """
    family, _, name = kind.partition(".")
    return name.startswith(_FUSE) if family == "fuse" else kind.startswith(_NETWORK)


def file_system(folder: Path, mounts: Path = MOUNTS) -> str:
    """Return the type of the file system that holds a folder; '' where the platform does not tell."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    place, best, kind = folder.resolve(), -1, ""
    for line in lines:
        left, _, right = line.partition(" - ")
        fields, after = left.split(), right.split()
        if len(fields) < 5 or not after:
            continue
        point = Path(_plain(fields[4]))
        depth = len(point.parts)
        if depth >= best and place.is_relative_to(point):  # of several on one point the last one is seen
            best, kind = depth, after[0]
    return kind


def _plain(text: str) -> str:
    """Undo the octal marks for blanks and the like."""
    for mark, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(mark, character)
    return text
