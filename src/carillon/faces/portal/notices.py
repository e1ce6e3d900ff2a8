"""Panel of alerts."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from carillon.business.notices import queries
from carillon.business.notices.choices import AlertKind
from carillon.business.notices.models import Alert
from carillon.panels.declaration import Column, Filter, Link, Panel

ALERTS = Panel(
    slug="alerts",
    title=_("Alerts"),
    name=_("alert"),
    section="main",
    icon="alert-triangle",
    model=Alert,
    rows=queries.alerts_of,
    columns=(
        Column("since", _("When"), kind="datetime", width=150),
        Column("kind", _("What"), kind="choice", choices=AlertKind.choices, width=130),
        Column("customer", _("Customer"), value="customer.name", width=150),
        Column("about", _("About"), width=260, grow=3),
        Column("address", _("Emergency address"), width=180, grow=1),
        Column("mailed_at", _("Mailed"), kind="datetime", width=150),
    ),
    api=(
        Column("mailed_to", _("Mailed to"), kind="list"),
        Column("customer_id", _("Customer"), kind="integer"),
        Column("user_id", _("User"), kind="integer"),
        Column("endpoint_id", _("SIP endpoint"), kind="integer"),
        Column("call_id", _("Call")),
        Column("partner_id", _("Partner"), kind="integer"),
        Column("created_at", _("Told"), kind="datetime"),
    ),
    filters=(
        Filter("kind", _("What"), choices=AlertKind.choices),
        Filter("partner_id", _("Partner"), kind="integer"),
    ),
    order=("-id",),
    customer_field="customer_id",
    search="about",
    refresh_s=5,
    has_history=False,
    links=(Link(_("Customer"), "customers", {"name": "customer.name"}),),
    help=_(
        "Emergency calls of your customers, and devices that went offline and are watched (SIP Endpoints, “Tell when "
        "offline”). Each is also mailed to your administrators and support staff, once."
    ),
    empty=_("Nothing to tell."),
)

PANELS = (ALERTS,)
