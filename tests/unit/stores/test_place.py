"""The journal is refused on a network file system, found in the table of mounts."""

from pathlib import Path

import pytest

from choirmaster.errors import ConfigError
from choirmaster.stores.sql.place import check_local, file_system, is_network

TABLE = """\
22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
30 22 0:40 / /data rw,relatime shared:5 - nfs4 server:/export rw
31 30 8:2 / /data/local rw - xfs /dev/sdb rw
32 22 0:41 / /with\\040blank rw - cifs //server/share rw
33 22 0:42 / /twice rw - ext4 /dev/sdc rw
34 33 0:43 / /twice rw - fuse.sshfs host: rw
half a line
"""


@pytest.fixture
def mounts(tmp_path):
    path = tmp_path / "mountinfo"
    path.write_text(TABLE)
    return path


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/srv/journal", "ext4"),
        ("/data/journal", "nfs4"),
        ("/data/local/journal", "xfs"),
        ("/database", "ext4"),
        ("/with blank/journal", "cifs"),
        ("/twice/journal", "fuse.sshfs"),
    ],
)
def test_the_innermost_and_last_mount_holds_a_folder(mounts, folder, kind):
    assert file_system(Path(folder), mounts) == kind
    if is_network(kind):
        with pytest.raises(ConfigError, match="network file system"):
            check_local(Path(folder), mounts=mounts)
    else:
        check_local(Path(folder), mounts=mounts)


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "ceph", "fuse.s3fs"])
def test_types_that_several_machines_share(kind):
    assert is_network(kind)


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "tmpfs", "overlay", "zfs", "fuseblk", "fuse.ntfs-3g", ""])
def test_types_of_one_machine(kind):
    assert not is_network(kind)


def test_a_platform_that_does_not_tell_refuses_nothing(tmp_path):
    check_local(tmp_path, mounts=tmp_path / "none")
