"""Purchases: through OAuth, or through API v3 where its secret is beside a key."""

from cksync.api.v4.catalog import (
    PURCHASES,
)
from cksync.domain import PURCHASES as PURCHASES_V3
from cksync.domain import (
    VANISH_ROWS,
)
from cksync.extract.due import has_rotation_due
from cksync.extract.scan.full import FullScan, Scan
from cksync.extract.scans import full_scan, incremental_scan
from cksync.extract.v4.night import Night
from cksync.extract.v4.settling import Phases


class Purchases:
    """Reads purchases through the version of the API that gives them to these credentials."""

    def __init__(self, night: Night) -> None:
        self.night = night

    def scans(self) -> list[Scan]:
        """Return a scan of purchases through OAuth: of new ones, or within the verify cycle of all."""
        if not self.night.is_wanted("purchases") or self.night.context.purchases_by != "v4":
            return []
        known = self.night.known.ids("purchases")
        cursor = self.night.context.state.cursors.get(PURCHASES.name)
        is_due = cursor is None or has_rotation_due(
            0, cursor.checked_at, self.night.context.began_at, self.night.context.schedule.cycle
        )
        if self.night.is_known(PURCHASES) and not is_due and self.night.is_nightly and len(known) > self.night.one_page:
            return [self.night.scan(PURCHASES, known=known, until_known=True)]
        held = self.night.context.state.held_of(
            PURCHASES, known, may_vanish=self.night.context.may_vanish, least=VANISH_ROWS
        )
        return [self.night.scan(PURCHASES, known=known, young=self.night.known.young("purchases"), held=held)]

    def through_v3(self) -> Phases:
        """Read purchases through API v3 where only its secret gives them."""
        if not self.night.is_wanted("purchases") or self.night.context.purchases_by != "v3":
            return
        is_known = self.night.context.schedule.is_known(PURCHASES_V3)
        scan = (
            incremental_scan(self.night.context, PURCHASES_V3)
            if is_known
            else full_scan(self.night.context, PURCHASES_V3)
        )
        yield [scan]
        if isinstance(scan, FullScan) and scan.is_worth_repeating:
            yield [scan.again()]
