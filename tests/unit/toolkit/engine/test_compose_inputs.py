"""Which files the compose command reads, and when that is not to be told."""

from pathlib import Path

import pytest

from toolkit.engine import compose_inputs


def of(root: Path, *texts: str) -> list[str] | None:
    paths = [root / f"{number}.yaml" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    found = compose_inputs.of(paths, root)
    return None if found is None else [str(path.relative_to(root)) for path in found[len(paths) :]]


def test_all_that_the_files_name(tmp_path: Path) -> None:
    first = """
x-app: &app
  env_file: shared.env
services:
  web:
    <<: *app
    image: shop:${VERSION}
  worker:
    extends: web
    env_file: [one.env, {path: two.env, required: false}]
    label_file: labels
  none:
secrets: {db: {file: ./db.txt}, other: {external: true}}
configs: {site: {file: site.conf}}
"""
    second = "services: {web: {env_file: more/web.env, extends: {service: worker}}}"
    assert of(tmp_path, first, second) == [
        *("shared.env", "one.env", "two.env", "labels", "db.txt", "site.conf"),
        "more/web.env",
    ]
    assert of(tmp_path, "services: {}") == []


@pytest.mark.parametrize(
    "text",
    [
        "include: [other.yaml]",
        "services: {web: {extends: {service: base, file: base.yaml}}}",
        'services: {web: {env_file: "${PLACE}/web.env"}}',
        "services: {web: {env_file: ~/web.env}}",
        "services: {web: {env_file: [{required: true}]}}",
        "secrets: {db: {file: $PLACE}}",
        'services: {web: {image: "${F\\x4fO}"}}',
        'services: {web: {image: "${FO\\\n  O}"}}',
        "services: {web: {ports: !reset []}}",
        "services: [",
        "- web",
    ],
)
def test_what_only_the_compose_command_understands(tmp_path: Path, text: str) -> None:
    assert of(tmp_path, text) is None
    assert of(tmp_path, "services: {}", text) is None


def test_a_file_of_another_folder_or_one_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "compose.yaml").write_text("services: {}")
    assert compose_inputs.of([tmp_path / "more" / "compose.yaml"], tmp_path) is None
    assert compose_inputs.of([tmp_path / "gone.yaml"], tmp_path) is None
