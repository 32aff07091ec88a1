"""`bgctl certificate`: obtains what is due, and puts it into service. The one that is there is never lost."""

from datetime import datetime

from toolkit.acme import account, backoff, challenge, install, lookup, notes, standing
from toolkit.acme.authority import Authority, Unissued
from toolkit.acme.install import Unfit
from toolkit.acme.standing import Standing
from toolkit.clients.proxy import reachable
from toolkit.config import acme_hosts
from toolkit.config.acme_table import PAIR
from toolkit.errors import NotYet, Refused
from toolkit.files import lock
from toolkit.project import Project
from toolkit.terminal import humanize

EXTRA = "pip install 'bgctl[acme]'   (or: pipx inject bgctl acme)"


def check_set_up(project: Project) -> None:
    """Raises Refused where no certificate is to be obtained here, or none can be."""
    if not project.config.acme.on:
        mend = 'write hosts = ["shop.example"] and agree_tos = true under [acme] in bgctl.toml'
        raise Refused("no certificate is obtained here", "[acme] names no hosts, or agrees to no terms", mend)
    try:
        import acme.client  # noqa: F401
        import josepy  # noqa: F401
    except ImportError as error:
        raise Refused("the library for ACME is not installed here", str(error), EXTRA) from None


def run(project: Project, *, force: bool, anyway: bool, dry_run: bool) -> str | None:
    """A note of what was done; None: nothing was due. Raises NotYet where it is too early to ask again."""
    check_set_up(project)
    found = standing.look(project)
    if dry_run:
        return plan(project, found, force)
    with lock.held(account.folder(project), project.command, project.now()):
        if finished := finish(project, found):
            return finished
        if not (found.verdict.due or force):
            return None
        wait(project, found, force)
        check_way(project, found, anyway)
        install.put(project, obtain(project, found))
    return f"{hosts(project)}: in service, {standing.look(project).verdict.why}"


def plan(project: Project, found: Standing, force: bool) -> str | None:
    if not (found.verdict.due or force):
        return None
    wait(project, found, force)
    return (
        f"would ask {project.config.acme.directory} for {hosts(project)}: {found.fault or found.verdict.why}"
    )


def hosts(project: Project) -> str:
    return ", ".join(acme_hosts.of(project.config))


def finish(project: Project, found: Standing) -> str | None:
    """Puts into service what a run has obtained that was killed then. None: there is nothing."""
    pending, pair = install.pending(project), project.root / PAIR
    if pending.exists():
        try:
            install.put(project, install.check(project, pending).pem)
        except Unfit:
            pending.unlink(missing_ok=True)
        else:
            return f"{hosts(project)}: what had been obtained is in service"
    if found.verdict.due or not reachable(project.proxy):
        return None
    loaded = install.check(project, pair)
    if install.in_service(project, loaded):
        return None
    install.put(project, loaded.pem)
    return f"{hosts(project)}: what had been obtained is in service"


def wait(project: Project, found: Standing, force: bool) -> None:
    """Raises NotYet before the time. `force`: the authority's own Retry-After is heeded all the same."""
    now = project.now()
    until = backoff.told(found.notes, now) if force else found.wait
    if until:
        mend = "wait" if force else "wait, or: bgctl certificate --force"
        raise NotYet("the authority is not asked again yet", _since(found, until, now), mend)


def _since(found: Standing, until: datetime, now: datetime) -> str:
    last = f"; the last try: {found.notes.failure}" if found.notes.failure else ""
    return f"only {humanize.moment(until, now)}{last}"


def check_way(project: Project, found: Standing, anyway: bool) -> None:
    """Raises Refused where the authority's check would fail; warns only, of a host that has passed before."""
    challenge.check(project)
    if anyway:
        return
    passed = found.held.names if found.held else ()
    for host in acme_hosts.of(project.config):
        if doubt := lookup.doubt(host):
            if host not in passed:
                raise doubt
            project.ui.warn(f"{doubt}; it is asked for all the same, as it has one already")


def obtain(project: Project, found: Standing) -> bytes:
    """Orders a certificate with a key of its own; returns both, which are kept in a file until they serve."""
    said = backoff.begun(found.notes, project.now())
    notes.write(project.state_dir, said)
    try:
        pem = issued(project)
    except Unissued as error:
        said = backoff.failed(said, project.now(), str(error), error.retry_after)
        notes.write(project.state_dir, said)
        if until := backoff.earliest(said, project.now()):
            error.next = (
                f"{error.next}   (it is asked again {humanize.moment(until, project.now())} at the earliest)"
            )
        raise
    notes.write(project.state_dir, backoff.obtained(said, project.now()))
    return pem


def issued(project: Project) -> bytes:
    from acme import crypto_util
    from cryptography.hazmat.primitives.asymmetric import ec

    ui, authority = project.ui, Authority(project, account.key(project))
    private = account.private_pem(ec.generate_private_key(ec.SECP256R1()))
    challenge.sweep(project, authority.thumbprint)
    with ui.step("account") as note:
        note(authority.name)
        authority.connect()
    with ui.step("order") as note:
        note(hosts(project))
        order = authority.order(crypto_util.make_csr(private, list(acme_hosts.of(project.config))))
        asked = authority.open_challenges(order)
    with ui.step("check") as note, challenge.served(project, dict(map(authority.text, asked.values()))):
        note(f"{authority.name} looks at {', '.join(asked) or 'nothing: it has before'}")
        authority.answer(list(asked.values()))
        order = authority.checked(order)
    with ui.step("issue") as note:
        chain = authority.chain(order)
        path = install.pending(project)
        account.write(project, path, private + chain)
        note(str(accepted(project)))
    return path.read_bytes()


def accepted(project: Project) -> object:
    """What was issued, if it may serve. Raises Unissued, and keeps nothing, where it may not."""
    path = install.pending(project)
    try:
        return install.check(project, path)
    except Unfit as error:
        path.unlink(missing_ok=True)
        raise Unissued("what the authority issued cannot be used", str(error), "bgctl certificate") from None
