"""Drop a registration: the edge forgets where a device is."""

from __future__ import annotations

import http.client

from django.conf import settings
from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.changes import action, witnessed
from carillon.base.errors import NotFound
from carillon.business.endpoints.models import Endpoint, Location
from carillon.usecases.ask_control import ControlSilent, ask_control


@action("sip_locations.drop")
def drop_location(actor: Actor, location: Location) -> None:
    """Forget a registration: the device gets no calls until it registers again. Its endpoint's history tells it.

    Raises:
        NotFound: it is gone already, or another's.
        ControlSilent
    """
    found = Location.objects.visible_to(actor).filter(pk=location.pk).first()
    if found is None:
        raise NotFound(_("This device is not registered any more."))
    status = ask_control(settings.CONFIG, "locations", found.address_of_record, found.contact, "drop")
    if status == http.client.NOT_FOUND:
        raise NotFound(_("This device is not registered any more."))
    if status >= http.client.MULTIPLE_CHOICES:
        raise ControlSilent(
            _("The call control could not drop the registration (status %(status)s).") % {"status": status}
        )
    endpoint = Endpoint.objects.visible_to(actor).get(pk=found.endpoint_id)
    witnessed(actor, endpoint, "drop_registration", reason=found.contact)
