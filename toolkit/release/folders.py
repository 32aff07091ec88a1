"""Makes the keys and folders that a project needs, and lets the containers read them."""

import os
from pathlib import Path

from session_api.keys import key_files
from toolkit.checks import key_ring
from toolkit.files import access_log, disk, engine_file
from toolkit.project import Project
from toolkit.rendering import tls_files


def keys_wanted(project: Project) -> bool:
    """Whether keys are missing, or lie where an earlier bgctl has put them."""
    from session_api.keys import shared_keys

    keys = project.keys_dir
    wanted = shared_keys.missing(keys) or key_files.unmoved(keys) or key_files.half_moved(keys)
    return not key_ring.exists(project) or bool(wanted)


def make_keys(project: Project) -> str:
    try:
        return _make_keys(project)
    except OSError as error:
        raise disk.unwritten(project.keys_dir, error) from None


def _make_keys(project: Project) -> str:
    from session_api.keys import shared_keys, signing_keys

    moved = shared_keys.move(project.keys_dir, owner=project.owner)
    if key_ring.exists(project):
        made = shared_keys.complete(project.keys_dir, owner=project.owner)
        parts = [f"{did} {', '.join(names)}" for did, names in (("moved", moved), ("made", made)) if names]
        return f"{'; '.join(parts)} in {project.keys_dir.name}/"
    key = signing_keys.create(project.keys_dir, owner=project.owner)
    return f"made {key.kid} ({key.alg}) in {project.keys_dir.name}/; keep a copy"


def make_folders(project: Project) -> str:
    try:
        return _make_folders(project)
    except OSError as error:
        raise disk.unwritten(project.root, error, "cannot be given its folders") from None


def _make_folders(project: Project) -> str:
    """Sets the modes whatever the umask is: the containers run as another user."""
    for path in (project.state_dir, project.proxy_dir):
        path.mkdir(exist_ok=True)
        path.chmod(0o755)
    engine_file.write(project.engine_path, project.engine.kind.name)
    project.data_dir.mkdir(exist_ok=True)
    project.data_dir.chmod(0o750)  # The database in it has e-mail addresses.
    (project.data_dir / "redis").mkdir(exist_ok=True)  # Otherwise the engine makes it, owned by root.
    log = access_log.folder(project.proxy_dir)
    log.mkdir(exist_ok=True)
    log.chmod(0o750)  # It has the addresses of clients.
    tls_files.make_folders(project)
    if (group := project.engine.group) is not None:
        _own(project.data_dir, group, group)
        _own(log, group, group)
        _own(project.keys_dir, -1, group)
    return "state/ proxy/ keys/ data/"


def _own(folder: Path, uid: int, gid: int) -> None:
    try:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, uid, gid, follow_symlinks=False)
    except OSError as error:
        raise disk.unwritten(folder, error, "cannot be given to the containers") from None
