"""What a request may name or touch that is not its sender's: references of all inputs, digests of others' rows."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from typing import Any

from django.apps import apps

from carillon.base.tenancy import tenant
from carillon.business.partners.queries import system_actor
from carillon.faces.portal.catalogue import panels
from carillon.panels.changes import action_inputs, panel_inputs


def lookups() -> Iterator[tuple[str, str, str, str]]:
    """Every input that names a row of some panel: (method, path, input, that panel's slug)."""
    for panel in panels():
        item = f"/api/v1/{panel.rest_name}/"
        asked = [("post", item, panel_inputs(panel) if panel.create else ())]
        asked += [("patch", item + "{id}/", panel_inputs(panel) if panel.update else ())]
        asked += [("post", f"{item}{{id}}/{one.name}/", action_inputs(one)) for one in panel.actions if one.in_api]
        for method, path, inputs in asked:
            for one in inputs:
                if one.field.lookup or one.name == "gateway_ids":
                    yield method, path, one.name, one.field.lookup or "gateways"


def digests_of(partner_ids: Collection[int]) -> dict[str, str]:
    """A digest of all rows that these partners own, by model. Cost: one query per tenant model."""
    found = {}
    with tenant(system_actor()):
        for model in apps.get_models():
            tenancy: Any = getattr(model, "tenancy", None)
            if tenancy is not None and not tenancy.through:
                rows = model._default_manager.filter(**{f"{tenancy.partner}__in": partner_ids})
                text = "\n".join(sorted(map(repr, rows.values_list())))
                found[model._meta.label] = hashlib.sha256(text.encode()).hexdigest()
    return found
