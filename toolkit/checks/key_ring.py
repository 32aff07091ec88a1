"""Looks at the keys of a project."""

from session_api.keys import key_files
from toolkit.checks.looks import Problems
from toolkit.errors import Failed, NotYet
from toolkit.project import Project


def exists(project: Project) -> bool:
    return (project.keys_dir / "verify" / "keyring.json").exists()


def problems(project: Project) -> Problems:
    """Whether the keys can be read. A project without keys is no fault: `bgctl up` makes them."""
    from session_api.errors import SetupError
    from session_api.keys import keyring, shared_keys

    folder = project.keys_dir
    if not exists(project):
        raise NotYet("there are no keys yet", next="bgctl up, or: bgctl keys init")
    for name in key_files.ignored(folder):
        here, there = key_files.place(folder, name), key_files.former_place(folder, name)
        why = f"the key in force is {here.relative_to(project.root)}"
        yield NotYet(f"nobody reads keys/{name}", why, f"mv {there} {here}, or remove it")
    if wanted := [*shared_keys.missing(folder), *key_files.unmoved(folder)]:
        raise NotYet(f"keys are not in place: {', '.join(wanted)}", next="bgctl up")
    try:
        ring = keyring.load(folder)
    except SetupError as error:
        raise Failed(error.what, next=error.next_step) from None
    return f"{ring.sign} signs, tokens of {len(ring.keys)} are accepted"
