"""The progress of imports on the wire."""

from datetime import datetime

from google.protobuf.message import DecodeError

from cryptwire.clock import from_us, to_us
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.domain.imports import ImportProblem, ImportProgress, ImportStage, ImportState
from cryptwire.errors import Invalid
from generated.wire.v1 import import_pb2 as pb

_STATES = dict(zip(ImportState, range(1, len(ImportState) + 1), strict=True))
_STAGES = dict(zip(ImportStage, range(1, len(ImportStage) + 1), strict=True))


def import_to_wire(progress: ImportProgress) -> bytes:
    return pb.Import(
        user_id=progress.user,
        number=progress.number,
        state=_STATES[progress.state],  # type: ignore[arg-type]  # in the same order
        stage=_STAGES[progress.stage],  # type: ignore[arg-type]
        hopper_id=progress.hopper or "",
        done=progress.done,
        total=progress.total,
        began_at_us=_stamp(progress.began_at),
        estimated_end_at_us=_stamp(progress.estimated_end_at),
        finished_at_us=_stamp(progress.finished_at),
        problems=[pb.ImportProblem(hopper_id=one.hopper or "", message=one.message) for one in progress.problems],
    ).SerializeToString()


def import_from_wire(payload: bytes) -> ImportProgress:
    """How an import comes along; raises Invalid."""
    try:
        said = pb.Import.FromString(payload)
        state = next(state for state, number in _STATES.items() if number == said.state)
        stage = next(stage for stage, number in _STAGES.items() if number == said.stage)
        return ImportProgress(
            UserId(said.user_id),
            said.number,
            state,
            stage,
            HopperId(said.hopper_id) if said.hopper_id else None,
            said.done,
            said.total if said.HasField("total") else None,
            _moment(said.began_at_us),
            _moment(said.estimated_end_at_us),
            _moment(said.finished_at_us),
            tuple(
                ImportProblem(HopperId(one.hopper_id) if one.hopper_id else None, one.message) for one in said.problems
            ),
        )
    except DecodeError:
        raise Invalid("not an Import message") from None
    except (StopIteration, OverflowError):
        raise Invalid("an import that cannot be") from None


def _stamp(moment: datetime | None) -> int:
    return 0 if moment is None else to_us(moment)


def _moment(stamp: int) -> datetime | None:
    return from_us(stamp) if stamp else None
