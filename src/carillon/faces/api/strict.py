"""What every address of the API has in common: it refuses what it does not know, whatever the method."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.views import APIView

from carillon.base.errors import InvalidInput


class StrictView(APIView):
    """Refuses query parameters that mean nothing: whoever sends one believes that it does something.

    `parameters`: the names it takes beside `format`, which the framework reads.
    """

    @property
    def parameters(self) -> Collection[str]:
        """What the request at hand may have."""
        return ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check who calls, then what was asked. Raises InvalidInput."""
        super().initial(request, *args, **kwargs)
        if request.method != "OPTIONS":
            check_parameters(request.query_params, {*self.parameters, "format"})


def check_parameters(given: QueryDict, known: Collection[str]) -> None:
    """Raise InvalidInput that names every parameter that is not `known`."""
    if unknown := set(given) - set(known):
        raise InvalidInput(fields={name[:100]: _("There is no such parameter.") for name in unknown})


def without_body(request: Request) -> None:
    """Raise InvalidInput when something was sent where nothing belongs."""
    if request.data or not isinstance(request.data, dict):
        raise InvalidInput(_("This takes no body."))
