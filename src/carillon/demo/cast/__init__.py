"""The demo cast: who can sign in. `load` builds the world in the database; this needs no Django."""

from __future__ import annotations

from carillon.demo.world import CAST, PASSWORD


def sign_ins(port: int) -> list[str]:
    """Who can sign in to the demo world and where, as lines for people; `port` is the web port."""
    portal = next(seller.hostname for seller in CAST.sellers if seller.hostname)
    lines = [f"Sign in with password {PASSWORD} (demo only):"]
    lines += [f"  {seller.staff.email:<26} {seller.name}, http://{portal}:{port}/" for seller in CAST.sellers]
    hosts = {brand.name: brand.hostname for brand in CAST.brands}
    lines += [
        f"  {phone.email:<26} {buyer.name}, http://{hosts[buyer.brand]}:{port}/"
        for buyer in CAST.buyers
        for phone in buyer.phones
    ]
    return lines
