"""docs/upstreams.md says what the models say: every key in its table, every configuration valid and without errors."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from commands.check import of_catalogue
from integrations.catalogue import load_catalogue
from integrations.upstream.config_schema import file_schema
from schemas.settings import PROJECT
from tests.support.systems.java110 import KEY
from tests.support.upstreams_page import PAGE, configurations, table, table_of_models

SYSTEMS = PROJECT / "tests" / "support" / "systems"


def test_the_table_has_every_key_as_the_models_have_it() -> None:
    """Path, default and meaning; `python -m tests.support.upstreams_page` writes it anew."""
    assert table() == table_of_models()


@pytest.mark.parametrize("section", ["RuoYi", "JeecgBoot", "java110 MicroCommunity"])
def test_each_configuration_is_checked_without_an_error(section: str, tmp_path: Path) -> None:
    """As an engineer does: the page's block beside the document; `check` finds nothing that cannot be used."""
    text = configurations()[section]
    for document in SYSTEMS.glob("*.json"):
        shutil.copy(document, tmp_path)
    (tmp_path / "java110.key").write_text(KEY, encoding="utf-8")
    (tmp_path / "upstreams.yaml").write_text(text, encoding="utf-8")
    reports = list(of_catalogue(load_catalogue(tmp_path / "upstreams.yaml", {})))
    assert reports
    assert not any(report.failed for report in reports)
    assert sum(len(report.tools) for report in reports) >= 2
    tree = yaml.safe_load(re.sub(r"\$\{\w+:-(\w+)\}", r"\1", text))
    jsonschema_rs.validator_for(file_schema()).validate(json.loads(json.dumps(tree)))


def test_every_yaml_block_of_the_page_is_yaml() -> None:
    """Also the short ones: what is shown can be pasted."""
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 4
    assert all(isinstance(yaml.safe_load(block), dict) for block in blocks)
