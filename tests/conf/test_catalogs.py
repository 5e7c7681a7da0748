"""Extraction, merging and checking of translations, over a small app on disk."""

from __future__ import annotations

from pathlib import Path

import polib
import pytest

from forgeline.conf import catalogs, messages

PYTHON = """
from django.utils.translation import gettext as _, ngettext, pgettext
def speak(n, who):
    # Translators: on the button that starts a press
    _("Start")
    pgettext("machine", "State")
    return ngettext("%(n)d part", "%(n)d parts", n) % {"n": n}
"""
TEMPLATE = """{% load i18n %}
<main>
    <h1>{% translate "Start" %}</h1>
      {% if x %}
  <p>{% blocktranslate trimmed with name=machine.name %}
      {{ name }} is
      "running"
  {% endblocktranslate %}</p>
      {% endif %}
    <a title="{% translate 'State' context "machine" %}">it's {{ _("inline") }}</a>
</main>
"""
SCRIPT = "const label = gettext('Connection lost'); // gettext('not me')\n"


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Root of a project with the apps ``press`` and ``press.tools``."""
    app = tmp_path / "press"
    for path, text in {
        "press/views.py": PYTHON,
        "press/templates/press/page.html": TEMPLATE,
        "press/static/press/live.js": SCRIPT,
        "press/migrations/0001.py": "_('never')",
        "press/tools/names.py": "label = mark('Start')",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    for module in (catalogs, messages):
        monkeypatch.setattr(module, "own_apps", lambda: {"press": app, "press.tools": app / "tools"})
        monkeypatch.setattr(module, "ROOT", tmp_path)
    return tmp_path


def test_strings_are_found_and_belong_to_the_nearest_app(house: Path) -> None:
    found = messages.extract()
    assert {key: {m.msgid for m in said} for key, said in found.items()} == {
        ("press", "django"): {"Start", "State", "%(n)d part", '%(name)s is "running"', "inline"},
        ("press", "djangojs"): {"Connection lost"},
        ("press.tools", "django"): {"Start"},
    }
    by_id = {message.msgid: message for message in found["press", "django"]}
    assert by_id["State"].context == "machine"
    assert by_id["%(n)d part"].plural == "%(n)d parts"
    assert by_id["Start"].files == {"press/views.py", "press/templates/press/page.html"}
    assert by_id["Start"].comments == ["Translators: on the button that starts a press"]


def test_an_update_keeps_translations_and_is_stable(house: Path) -> None:
    found = messages.extract()
    assert len(catalogs.update(found)) == 3
    assert catalogs.update(found) == []
    path = catalogs.catalog_path("press", "zh_Hans", "django")
    catalog = polib.pofile(str(path))
    catalog.find("Start").msgstr = "启动"
    catalog.append(polib.POEntry(msgid="Gone", msgstr="已删除"))
    catalog.save()
    catalogs.update(messages.extract())
    again = polib.pofile(str(path))
    assert again.find("Start").msgstr == "启动"
    assert [entry.msgid for entry in again.obsolete_entries()] == ["Gone"]
    # The other app took over the wording for the same string.
    other = polib.pofile(str(catalogs.catalog_path("press.tools", "zh_Hans", "django")))
    assert other.find("Start").msgstr == "启动"


def test_the_check_names_every_kind_of_fault(house: Path) -> None:
    found = messages.extract()
    assert {fault.kind for fault in catalogs.check(found)} == {"missing"}
    catalogs.update(found)
    words = {"Start": "启动", "State": "状态", "inline": "内嵌", "Connection lost": "连接已断开"}
    for path in catalogs.list_catalogs():
        catalog = polib.pofile(str(path))
        for entry in catalog:
            if entry.msgid_plural:
                entry.msgstr_plural = {0: "%(n)d 件"}
            else:
                entry.msgstr = words.get(entry.msgid, "%(name)s 运行中")
        catalog.save()
    assert catalogs.check(found) == []

    page = polib.pofile(str(catalogs.catalog_path("press", "zh_Hans", "django")))
    page.find('%(name)s is "running"').msgstr = "运行中"
    page.find("inline").flags.append("fuzzy")
    page.find("Start").msgstr = "开始"
    page.save()
    assert {(fault.kind, fault.msgid.split(":")[0]) for fault in catalogs.check(found)} == {
        ("placeholder", '%(name)s is "running"'),
        ("fuzzy", "inline"),
        ("conflict", "Start"),
    }


def test_compiling_writes_what_django_reads(house: Path) -> None:
    catalogs.update(messages.extract())
    path = catalogs.catalog_path("press.tools", "zh_Hans", "django")
    catalog = polib.pofile(str(path))
    catalog.find("Start").msgstr = "启动"
    catalog.save()
    assert path.with_suffix(".mo") in catalogs.compile_all()
    assert catalogs.compile_all() == []
    assert polib.mofile(str(path.with_suffix(".mo"))).find("Start").msgstr == "启动"
