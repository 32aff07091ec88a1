"""A running proxy keeps the sizes of its shared dictionaries."""

from tests.unit.toolkit.support.rendered import CONFIG, EXAMPLE, rendered
from toolkit.config.edge_tables import Proxy
from toolkit.rendering import capacity, nginx_conf, shared_memory
from toolkit.rendering.shared_memory import sizes


def test_the_sizes_of_all_dictionaries_are_known() -> None:
    conf = nginx_conf.render(CONFIG)
    found = sizes(conf)
    assert len(found) == conf.count("lua_shared_dict ")
    assert found["bg_workers"] == "256k"


def test_a_running_proxy_keeps_its_sizes_and_nothing_else() -> None:
    running = rendered(EXAMPLE, ("sessions = 0", "sessions = 60000"))
    wanted = rendered(EXAMPLE, ("sessions = 0", "sessions = 80000"), ('"2s"', '"3s"'))
    kept = shared_memory.kept(wanted, running)
    assert sizes(kept) == sizes(running) != sizes(wanted)
    shared = capacity.of(Proxy(sessions=80_000), capacity.this_machine()).shared
    assert shared_memory.differ(kept, shared)
    assert not shared_memory.differ(wanted, shared)
    assert kept == rendered(EXAMPLE, ("sessions = 0", "sessions = 60000"), ('"2s"', '"3s"'))


def test_a_dictionary_that_the_running_one_has_not_got_is_as_it_is_wanted() -> None:
    conf = nginx_conf.render(CONFIG)
    older = "\n".join(line for line in conf.splitlines() if "bg_verified" not in line)
    assert shared_memory.kept(conf, older) == conf
    assert shared_memory.kept(conf, "") == conf
