"""A dialog: what both sides of a call agree on (RFC 3261, section 12)."""

from __future__ import annotations

from dataclasses import dataclass, field

from carillon.useragent.message import Message, address_of, parameter, uri_of
from carillon.useragent.transport import Address


@dataclass(slots=True)
class Dialog:
    """Identity, route and sequence of one call leg.

    `local` and `remote` are whole From/To values with their tags. `route_set` is in the order to send. `proxy` is
    where requests go when the first hop's URI names no address.
    """

    call_id: str
    local: str
    remote: str
    remote_target: str
    proxy: Address
    route_set: list[str] = field(default_factory=list)
    local_cseq: int = 1

    @property
    def local_tag(self) -> str:
        return parameter(self.local, "tag")

    @property
    def remote_tag(self) -> str:
        return parameter(self.remote, "tag")

    def request(self, method: str, *, cseq: int | None = None) -> Message:
        """A request inside the dialog, without Via; ACK reuses the INVITE's `cseq`, all else counts on."""
        if cseq is None:
            self.local_cseq += 1
        message = Message(method=method, uri=self.remote_target)
        message.add("Max-Forwards", "70")
        for route in self.route_set:
            message.add("Route", route)
        message.add("From", self.local)
        message.add("To", self.remote)
        message.add("Call-ID", self.call_id)
        message.add("CSeq", f"{self.local_cseq if cseq is None else cseq} {method}")
        return message

    def next_hop(self) -> Address:
        """Where the next request goes: the first route, else the remote target."""
        first = uri_of(self.route_set[0]) if self.route_set else self.remote_target
        return address_of(first) or self.proxy

    def matches(self, message: Message) -> bool:
        """Whether a request from the other side belongs to this dialog."""
        return (
            message.call_id == self.call_id
            and parameter(message.get("To"), "tag") == self.local_tag
            and parameter(message.get("From"), "tag") == self.remote_tag
        )


def as_caller(invite: Message, response: Message, proxy: Address) -> Dialog:
    """The dialog that a response with a To tag makes for the caller."""
    return Dialog(
        call_id=invite.call_id,
        local=invite.get("From"),
        remote=response.get("To"),
        remote_target=uri_of(response.get("Contact")) or invite.uri,
        proxy=proxy,
        route_set=response.all("Record-Route")[::-1],
        local_cseq=invite.cseq[0],
    )


def as_called(invite: Message, local_tag: str, source: Address) -> Dialog:
    """The dialog that an INVITE makes for the called side."""
    return Dialog(
        call_id=invite.call_id,
        local=f"{invite.get('To')};tag={local_tag}",
        remote=invite.get("From"),
        remote_target=uri_of(invite.get("Contact")),
        proxy=source,
        route_set=invite.all("Record-Route"),
        local_cseq=0,
    )
