"""What the processor is told."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from cryptwire.errors import Invalid


@dataclass(frozen=True, slots=True)
class Settings:
    """From ``CRYPTWIRE_PROCESSOR_<FIELD>``; spans in seconds. ``certificates`` is the folder with this service's own.

    ``parts`` are those that this replica does, all when there are none.

    Trades are compared every ``compare_every``, of a hopper that never was for ``compare_first`` back; of
    ``compare_users`` users at once. A run whose worker is silent for ``patience`` is taken up by another.

    ``import_users`` are imported at once; what cannot be read for ``import_gives_up`` is given up, and imports at which
    nobody works are looked for every ``import_look_every``. An import or a filling whose worker is silent for
    ``import_patience`` is taken up by another. Hoppers are compared every ``hoppers_every``.

    The ends of plans are written down and told every ``plans_every``.

    Mails go to ``smtp_url`` from ``mail_from``, with links below ``public_url`` that the key in the file ``mail_key``
    proves; without the first they wait. Users' webhooks are signed with secrets that the key in the file
    ``webhook_key`` opens, and turned off when they take nothing for ``webhook_lasts``; ``is_development`` alone lets
    them be on this machine. A user gets ``mails_an_hour`` of the quiet classes, and what is alike once in
    ``alike_for``. ``operators_mail`` is told what those who run the system must know.

    Each ``observe_every`` the observer looks; of a service that completes nothing for ``silent_after`` operators are
    told, of a hopper that nothing comes from for ``silent_user_after`` its user; a silent instance whose work others do
    is forgotten ``gone_after`` that. ``instance`` is this replica's name, the machine's when it has none.

    Rates are read each ``market_every``; what of their past is missing is looked for each ``rate_pasts_every``.

    The past is filled for ``backfill_reach`` back, of ``backfill_hoppers`` hoppers at once; partial candles of the last
    ``backfill_minutes`` are made of one-minute candles.

    What a hopper holds at its user's midnight is taken until ``statistics_within`` after it, of ``statistics_at_once``
    hoppers together; what was missed is made up as far as ``statistics_makes_up`` back. Results of
    trades are written of ``results_at_once`` hoppers together. Flows are looked at every ``flows_every``; what left one
    hopper and came to another within ``flows_transfer_within`` is a transfer.
    """

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    nats_url: str = field(repr=False)
    gateway_address: str
    certificates: Path
    health_port: int = 0
    parts: tuple[str, ...] = ()
    compare_every: timedelta = timedelta(minutes=15)
    compare_first: timedelta = timedelta(days=90)
    compare_users: int = 16
    patience: timedelta = timedelta(seconds=60)
    import_users: int = 16
    import_gives_up: timedelta = timedelta(hours=1)
    import_look_every: timedelta = timedelta(minutes=1)
    import_patience: timedelta = timedelta(seconds=15)
    hoppers_every: timedelta = timedelta(hours=1)
    plans_every: timedelta = timedelta(minutes=1)
    smtp_url: str | None = field(default=None, repr=False)
    mail_from: str = "Cryptwire <cryptwire@localhost>"
    mail_key: Path | None = None
    public_url: str = "http://127.0.0.1:8080"
    operators_mail: str | None = None
    mails_an_hour: int = 6
    alike_for: timedelta = timedelta(minutes=10)
    webhook_key: Path | None = None
    webhook_lasts: timedelta = timedelta(days=1)
    instance: str = ""
    observe_every: timedelta = timedelta(seconds=3)
    silent_after: timedelta = timedelta(seconds=60)
    silent_user_after: timedelta = timedelta(minutes=5)
    gone_after: timedelta = timedelta(hours=1)
    look_every: timedelta = timedelta(seconds=1)
    is_development: bool = False
    market_every: timedelta = timedelta(hours=1)
    rate_pasts_every: timedelta = timedelta(minutes=1)
    openexchangerates_url: str = "https://openexchangerates.org/api"
    openexchangerates_app_id: str | None = field(default=None, repr=False)
    coinmarketcap_url: str = "https://pro-api.coinmarketcap.com"
    coinmarketcap_key: str | None = field(default=None, repr=False)

    backfill_reach: timedelta = timedelta(days=90)
    backfill_minutes: timedelta = timedelta(days=7)
    backfill_hoppers: int = 16
    statistics_within: timedelta = timedelta(minutes=5)
    statistics_makes_up: timedelta = timedelta(days=90)
    statistics_at_once: int = 16
    results_at_once: int = 4
    flows_every: timedelta = timedelta(minutes=1)
    flows_transfer_within: timedelta = timedelta(hours=1)

    def __post_init__(self) -> None:
        if not timedelta(seconds=10) <= self.statistics_within <= timedelta(minutes=14):
            raise Invalid("CRYPTWIRE_PROCESSOR_STATISTICS_WITHIN is 10 to 840 seconds")
        if not 1 <= self.statistics_at_once <= 1000:
            raise Invalid(f"CRYPTWIRE_PROCESSOR_STATISTICS_AT_ONCE is 1 to 1,000, not {self.statistics_at_once}")
        if not 1 <= self.results_at_once <= 100:
            raise Invalid(f"CRYPTWIRE_PROCESSOR_RESULTS_AT_ONCE is 1 to 100, not {self.results_at_once}")
        if self.flows_every < timedelta(seconds=1):
            raise Invalid("CRYPTWIRE_PROCESSOR_FLOWS_EVERY is at least one second")
        if not timedelta(minutes=15) <= self.backfill_reach <= timedelta(days=3_700):
            raise Invalid("CRYPTWIRE_PROCESSOR_BACKFILL_REACH is 900 seconds to 3,700 days")
        if not timedelta(0) <= self.backfill_minutes <= timedelta(days=90):
            raise Invalid("CRYPTWIRE_PROCESSOR_BACKFILL_MINUTES is nothing to 90 days, in seconds")
        if not 1 <= self.backfill_hoppers <= 1000:
            raise Invalid(f"CRYPTWIRE_PROCESSOR_BACKFILL_HOPPERS is 1 to 1,000, not {self.backfill_hoppers}")
        if self.import_patience < timedelta(seconds=1):
            raise Invalid("CRYPTWIRE_PROCESSOR_IMPORT_PATIENCE is at least one second")
        if min(self.import_look_every, self.hoppers_every) < timedelta(seconds=1):
            raise Invalid("CRYPTWIRE_PROCESSOR_IMPORT_LOOK_EVERY and HOPPERS_EVERY are at least one second")
        if not 1 <= self.import_users <= 1000:
            raise Invalid(f"CRYPTWIRE_PROCESSOR_IMPORT_USERS is 1 to 1,000, not {self.import_users}")
        if self.plans_every < timedelta(seconds=1):
            raise Invalid("CRYPTWIRE_PROCESSOR_PLANS_EVERY is at least one second")
        if self.compare_every < timedelta(seconds=1) or self.patience < timedelta(seconds=1):
            raise Invalid("CRYPTWIRE_PROCESSOR_COMPARE_EVERY and PATIENCE are at least one second")
        if not 1 <= self.compare_users <= 1000:
            raise Invalid(f"CRYPTWIRE_PROCESSOR_COMPARE_USERS is 1 to 1,000, not {self.compare_users}")
        if not 1 <= self.mails_an_hour <= 1000:
            raise Invalid(f"CRYPTWIRE_PROCESSOR_MAILS_AN_HOUR is 1 to 1,000, not {self.mails_an_hour}")
        if self.look_every <= timedelta(0):
            raise Invalid("CRYPTWIRE_PROCESSOR_LOOK_EVERY is more than nothing")
