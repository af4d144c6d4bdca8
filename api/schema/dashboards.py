"""Dashboards: which widgets a user sees, how each is set, and where it stands."""

from datetime import datetime
from typing import Self

import strawberry

from api.handlers.dashboards import readable
from api.schema.context import Info
from api.schema.rules import covered, field, mutation
from api.schema.scalars import Json
from cryptwire.codec import dashboard_schema
from cryptwire.codec.dashboard import body_to_json
from cryptwire.domain import widgets
from cryptwire.domain.dashboard import DashboardBody
from cryptwire.errors import CryptwireError
from cryptwire.storage import dashboards

Body = strawberry.Private[DashboardBody | CryptwireError]
_SAVES = " CONFLICT, with the newest `version`, unless `expectedVersion` is that."
_UNREADABLE = "null, with an error, when it was written by a newer release or cannot be read."


@covered("view", "dashboards")
@strawberry.type(description="A dashboard: copies of widgets, how each is set, and where it stands.")
class Dashboard:
    id: strawberry.ID = strawberry.field(
        description='Ours, a UUID; "first": what who has none is given, kept with its first change, then under a UUID.'
    )
    name: str = strawberry.field(description="What its user calls it.")
    version: int = strawberry.field(description="The newest; each save makes another. 0: nothing of it is kept yet.")
    created_at: datetime | None = strawberry.field(description="When it was made; null: nothing of it is kept yet.")
    changed_at: datetime | None = strawberry.field(description="When it was saved or renamed last.")
    kept: Body

    @field("view", "dashboards", f"All of it written out, in the form of dashboardSchema; {_UNREADABLE}")
    def body(self) -> Json | None:
        return Json(body_to_json(readable(self.kept)))

    @classmethod
    def of(cls, one: dashboards.Dashboard) -> Self:
        return cls(
            id=strawberry.ID(one.id),
            name=one.name,
            version=one.version,
            created_at=one.created_at,
            changed_at=one.changed_at,
            kept=one.body,
        )


@covered("view", "dashboards")
@strawberry.type(description="A version of a dashboard; it is never changed. The newest twenty are kept.")
class DashboardVersion:
    number: int = strawberry.field(description="1 is the first.")
    made_at: datetime = strawberry.field(description="When it was saved.")
    kept: Body

    @field("view", "dashboards", f"All of it written out; {_UNREADABLE}")
    def body(self) -> Json | None:
        return Json(body_to_json(readable(self.kept)))

    @classmethod
    def of(cls, version: dashboards.Version) -> Self:
        return cls(number=version.number, made_at=version.made_at, kept=version.body)


@covered("view", "dashboards")
@strawberry.type(description="A dashboard that was taken in from a file.")
class ImportedDashboard:
    dashboard: Dashboard = strawberry.field(description="It, new.")
    left_out: list[str] = strawberry.field(
        description="What the file holds and this does not: hoppers that are not the user's, by the widget's id."
    )


@covered("view", "dashboards")
@strawberry.type(description="How large a widget is on a wide screen of 12 columns.")
class WidgetSize:
    w: int = strawberry.field(description="Columns.")
    h: int = strawberry.field(description="Rows.")

    @classmethod
    def of(cls, size: widgets.Size) -> Self:
        return cls(w=size.w, h=size.h)


@covered("view", "dashboards")
@strawberry.type(description="A kind of widget.")
class WidgetKind:
    kind: str = strawberry.field(description="How a dashboard names it.")
    title: str = strawberry.field(description="What a copy is called that has no other title.")
    shows: str = strawberry.field(description="What it shows.")
    settings: list[str] = strawberry.field(description="What a copy can be set to; dashboardSchema says to what.")
    usual: WidgetSize = strawberry.field(description="Its usual size.")
    least: WidgetSize = strawberry.field(description="It is never smaller.")
    most: WidgetSize = strawberry.field(description="It is never larger.")

    @classmethod
    def of(cls, one: widgets.WidgetKind) -> Self:
        usual, least, most = (WidgetSize.of(size) for size in one.sizes(widgets.Breakpoint.WIDE))
        settings = list(one.settings)
        return cls(
            kind=one.name, title=one.title, shows=one.shows, settings=settings, usual=usual, least=least, most=most
        )


@strawberry.type
class DashboardQuery:
    @field("view", "dashboards", "The user's dashboards, the first first, 20 at most; who has none is given one.")
    async def dashboards(self, info: Info) -> list[Dashboard]:
        caller = await info.context.caller()
        return [Dashboard.of(one) for one in await info.context.services.dashboards.of_user(caller.user)]

    @field("view", "dashboards", "One of the user's dashboards; NOT_FOUND also when it is somebody else's.")
    async def dashboard(self, info: Info, id: strawberry.ID) -> Dashboard:
        caller = await info.context.caller()
        return Dashboard.of(await info.context.services.dashboards.of(caller.user, id))

    @field(
        "view",
        "dashboards",
        "A dashboard's versions that are kept, the newest first; first is 1 to 20, before a number.",
    )
    async def dashboard_versions(
        self, info: Info, id: strawberry.ID, first: int = 20, before: int | None = None
    ) -> list[DashboardVersion]:
        caller = await info.context.caller()
        found = await info.context.services.dashboards.versions(caller.user, id, before, first)
        return [DashboardVersion.of(one) for one in found]

    @field(
        "view",
        "dashboards",
        "A dashboard as a file: JSON that importDashboard takes, of the newest version or an earlier one.",
    )
    async def exported_dashboard(self, info: Info, id: strawberry.ID, version: int | None = None) -> str:
        caller = await info.context.caller()
        return await info.context.services.dashboards.text(caller.user, id, version)

    @field("view", "dashboards", "Every kind of widget there is.")
    async def widget_kinds(self, info: Info) -> list[WidgetKind]:
        return [WidgetKind.of(one) for one in widgets.CATALOGUE.values()]

    @field("view", "dashboards", "The JSON schema of a dashboard's body (draft 2020-12), by which it is checked here.")
    async def dashboard_schema(self, info: Info) -> Json:
        return Json(dashboard_schema.schema())


@strawberry.type
class DashboardMutation:
    @mutation(
        "change",
        "dashboards",
        "A new dashboard; without a body as everybody begins. INVALID, with the path of what is wrong, for a body that"
        " is not of dashboardSchema; 20 dashboards a user at most.",
    )
    async def create_dashboard(self, info: Info, name: str, body: Json | None = None) -> Dashboard:
        info.context.must_be_ours()
        caller = await info.context.caller()
        return Dashboard.of(await info.context.services.dashboards.create(caller.user, name, body))

    @mutation(
        "change",
        "dashboards",
        f"A new version of a dashboard.{_SAVES} INVALID, with the path of what is wrong, for a body that is not of"
        " dashboardSchema; older formats are taken, too.",
    )
    async def save_dashboard(self, info: Info, id: strawberry.ID, body: Json, expected_version: int) -> Dashboard:
        info.context.must_be_ours()
        caller = await info.context.caller()
        return Dashboard.of(await info.context.services.dashboards.save(caller.user, id, body, expected_version))

    @mutation("change", "dashboards", "Give a dashboard another name, of 1 to 80 characters.")
    async def rename_dashboard(self, info: Info, id: strawberry.ID, name: str) -> Dashboard:
        info.context.must_be_ours()
        caller = await info.context.caller()
        return Dashboard.of(await info.context.services.dashboards.rename(caller.user, id, name))

    @mutation("change", "dashboards", "A copy of a dashboard's newest version.")
    async def duplicate_dashboard(self, info: Info, id: strawberry.ID, name: str) -> Dashboard:
        info.context.must_be_ours()
        caller = await info.context.caller()
        return Dashboard.of(await info.context.services.dashboards.duplicate(caller.user, id, name))

    @mutation("change", "dashboards", f"A new version that is as everybody begins.{_SAVES}")
    async def reset_dashboard(self, info: Info, id: strawberry.ID, expected_version: int) -> Dashboard:
        info.context.must_be_ours()
        caller = await info.context.caller()
        return Dashboard.of(await info.context.services.dashboards.reset(caller.user, id, expected_version))

    @mutation("change", "dashboards", f"A new version that says what an earlier one says.{_SAVES}")
    async def restore_dashboard(self, info: Info, id: strawberry.ID, version: int, expected_version: int) -> Dashboard:
        info.context.must_be_ours()
        caller, services = await info.context.caller(), info.context.services
        return Dashboard.of(await services.dashboards.restore(caller.user, id, version, expected_version))

    @mutation("change", "dashboards", "Delete a dashboard and its versions.")
    async def delete_dashboard(self, info: Info, id: strawberry.ID) -> bool:
        info.context.must_be_ours()
        caller = await info.context.caller()
        await info.context.services.dashboards.delete(caller.user, id)
        return True

    @mutation(
        "change",
        "dashboards",
        "A new dashboard out of a file that exportedDashboard made, of any format up to this release's, under the"
        " file's name unless another is given. INVALID, with the path of what is wrong.",
    )
    async def import_dashboard(self, info: Info, text: str, name: str | None = None) -> ImportedDashboard:
        info.context.must_be_ours()
        caller = await info.context.caller()
        made, left_out = await info.context.services.dashboards.take_in(caller.user, text, name)
        return ImportedDashboard(dashboard=Dashboard.of(made), left_out=list(left_out))
