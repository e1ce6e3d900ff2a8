"""The panel of subscribers: who wants the newsletters of web products, and what proves it."""

from __future__ import annotations

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from carillon.business.notices import queries, subscribers
from carillon.business.notices.choices import SubscriberSource, SubscriberState
from carillon.business.notices.models import Subscriber
from carillon.panels.declaration import Column, Field, Filter, Link, Panel, RowAction, Tab

CONSENT = Field(
    "consent",
    _("How they agreed"),
    max_length=300,
    placeholder=_("Signed the form at the fair in Leeds"),
    help=_("Kept as proof: without consent nobody may be written to."),
    wide=True,
)

SUBSCRIBERS = Panel(
    slug="subscribers",
    title=_("Subscribers"),
    name=_("subscriber"),
    section="main",
    icon="users",
    model=Subscriber,
    rows=queries.subscribers_of,
    columns=(
        Column("email", _("E-mail"), width=200, grow=2),
        Column("name", _("Name"), width=140, grow=1),
        Column("state", _("State"), kind="status", width=110),
        Column("web_product", _("Web product"), value="web_product.name", width=140),
        Column("consent", _("How they agreed"), width=180, grow=2),
        Column("consent_at", _("Agreed"), kind="datetime", width=140),
        Column("confirmed_at", _("Confirmed"), kind="datetime", width=140),
        Column("unsubscribed_at", _("Unsubscribed"), kind="datetime", width=140),
    ),
    api=(
        Column("source", _("Came by"), kind="choice"),
        Column("culture", _("Language")),
        Column("consent_address", _("Address on the Internet")),
        Column("web_product_id", _("Web product"), kind="integer"),
        Column("customer_id", _("Customer"), kind="integer"),
        Column("partner_id", _("Partner"), kind="integer"),
        Column("created_at", _("Since"), kind="datetime"),
    ),
    filters=(
        Filter("email", _("E-mail"), lookup="istartswith"),
        Filter("name", _("Name"), lookup="istartswith"),
        Filter("state", _("State"), choices=SubscriberState.choices),
        Filter("source", _("Came by"), choices=SubscriberSource.choices),
        Filter("consent_at", _("Agreed"), kind="date", lookup="range"),
        Filter("web_product_id", _("Web product"), kind="integer"),
        Filter("partner_id", _("Partner"), kind="integer"),
    ),
    order=("-id", "email"),
    tabs=(
        Tab("subscribed", _("Subscribed"), Q(state=SubscriberState.CONFIRMED)),
        Tab("pending", _("Not confirmed"), Q(state=SubscriberState.PENDING)),
        Tab("left", _("Unsubscribed"), Q(state=SubscriberState.UNSUBSCRIBED)),
    ),
    customer_field="customer_id",
    search="email",
    data=subscribers.SubscriberData,
    fields=(
        Field("web_product_id", _("Web product"), lookup="web-products", only="create"),
        Field("email", _("E-mail"), kind="email", max_length=254),
        Field("name", _("Name"), max_length=100),
        Field("culture", _("Language"), max_length=12, help=_("Leave empty for the web product's.")),
        CONSENT,
        Field("consent_at", _("Agreed"), help=_("Leave empty for now.")),
    ),
    create=subscribers.add_subscriber,
    update=subscribers.update_subscriber,
    remove=subscribers.remove_subscriber,
    actions=(
        RowAction(
            "unsubscribe",
            _("Unsubscribe"),
            subscribers.unsubscribe,
            data=subscribers.LeavingData,
            fields=(Field("reason", _("Reason"), kind="textarea"),),
            icon="ban",
            applies=lambda row: row.state != SubscriberState.UNSUBSCRIBED,
            done=_("Nothing is written to this address any more."),
        ),
        RowAction(
            "subscribe",
            _("Subscribe again"),
            subscribers.subscribe_again,
            data=subscribers.ConsentData,
            fields=(CONSENT,),
            icon="check",
            applies=lambda row: row.state != SubscriberState.CONFIRMED,
        ),
    ),
    links=(Link(_("Mails"), "mails", {"to": "email"}, icon="mail"),),
    help=_(
        "Who wants the newsletters of your web products, how and when they agreed, and who left. The sign-up forms of"
        " the web sites will fill this, each address confirmed by a mail first; until then add people, or import a"
        " file, with how they agreed. Who has unsubscribed stays on the list, so that an import does not bring them"
        " back."
    ),
    empty=_(
        "No subscribers. The sign-up forms of your web sites will fill this; add those who agreed elsewhere, or import"
        " them from a file."
    ),
)

PANELS = (SUBSCRIBERS,)
