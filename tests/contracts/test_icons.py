"""Every icon that a declaration or a template names is drawn in web/src/icons."""

from __future__ import annotations

import re

from carillon.config import CHECKOUT
from carillon.faces.portal.catalogue import panels

FOLDER = CHECKOUT / "web" / "src" / "icons"
PORTAL = CHECKOUT / "src" / "carillon" / "faces" / "portal"


def test_every_icon_is_drawn() -> None:
    named = {panel.icon for panel in panels()}
    named |= {action.icon for panel in panels() for action in panel.actions}
    named |= {link.icon for panel in panels() for link in panel.links}
    for template in PORTAL.glob("templates/**/*.html"):
        named |= set(re.findall(r'{% icon "([a-z-]+)" %}', template.read_text()))
    for script in (CHECKOUT / "web" / "src").glob("*.js"):
        named |= set(re.findall(r'icon\("([a-z-]+)"\)', script.read_text()))
    assert named - {path.stem for path in FOLDER.glob("*.svg")} == set()
