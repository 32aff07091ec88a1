"""The containers of a slot: one for each of its services, or several, its replicas."""

from msgspec import Struct

from toolkit.config.service_table import Service
from toolkit.values import Address


class Member(Struct, frozen=True):
    """A container of a slot: the replica `number`, counted from 1, of the service `name` of bgctl.toml."""

    name: str
    slot: str
    number: int
    service: Service

    @property
    def compose(self) -> str:
        """Its compose service: "web-blue", and those of further replicas "web-blue-2", "web-blue-3"."""
        first = f"{self.name}-{self.slot}"
        return first if self.number == 1 else f"{first}-{self.number}"

    @property
    def address(self) -> Address:
        """Of a service that has addresses: workers have none."""
        return self.service.at(self.slot, self.number)


def of(services: dict[str, Service], slot: str) -> list[Member]:
    """Those of all slotted services, in the order of bgctl.toml and of their numbers."""
    return [
        Member(name, slot, number, service)
        for name, service in services.items()
        if service.slotted
        for number in range(1, service.replicas + 1)
    ]
